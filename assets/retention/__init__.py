"""What retention does to the lake and the register on a day.

Belongs here: the sweep, the forecast, the overdue check, redaction of protected locations in the
lake. The clocks themselves are in `assets/register`, since each build applies them.
"""
