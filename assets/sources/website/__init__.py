"""The website: visits as Matomo, Snowplow or the web server's log have them, a module each.

`website` puts the datasets together.
"""
