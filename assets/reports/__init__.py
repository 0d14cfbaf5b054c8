"""What the controller owes an account of: the record of processing, conflicts with the law, what each clause comes to.

Made from the policy, the tables' models and the list of sources, so that they say what the running system does. Each
module answers data; `pages` turns Markdown into a page of HTML.
"""
