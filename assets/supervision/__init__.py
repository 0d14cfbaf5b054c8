"""What a supervisory authority asks: answers from the live ledgers, and the worksheet of a breach.

Comes last: it reads what all other stages have recorded, and changes nothing.
"""
