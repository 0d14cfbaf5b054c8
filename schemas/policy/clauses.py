"""The items of the policy of 27 June 2019, in our own words, by the clause ids in the policy file,
rules and tests.

Source: docs/law.md, "The policy"; P5 has the policy's own numbering of its list. A section's id
stands for the section as a whole.
"""

from __future__ import annotations

CLAUSES = {
    "P1": "who the controller is",
    "P2": "whom to contact in register matters",
    "P3": "what the register is called",
    "P4": "purposes and legal bases; profiling and automated decisions",
    "P4.1": "providing and developing products and services",
    "P4.2": "fulfilling contracts and other promises",
    "P4.3": "managing the customer relationship",
    "P4.4": "analysing and profiling behaviour",
    "P4.5": "electronic direct marketing",
    "P4.6": "targeted advertising in own and others' services",
    "P5": "which data is processed; what is mandatory",
    "P5.1": "basic data: name, birth date, customer number, identifiers, password, language",
    "P5.2": "contact data: e-mail, phone, address",
    "P5.3": "companies and their contact persons",
    "P5.4": "marketing prohibitions and consents",
    "P5.5": "participation in events, special diet",
    "P5.6": (
        "customer relationship: contracts, orders, profiles, recordings, correspondence, cookies"
    ),
    "P5.7": "other data with consent",
    "P5.8": "visitors and use of the website",
    "P5.9": "use of social media",
    "P6": "where data comes from",
    "P6.1": "from the registrant",
    "P6.2": "from the population register",
    "P6.3": "from authorities",
    "P6.4": "from credit information companies",
    "P6.5": "from providers of contact information",
    "P6.6": "from similar and public sources; updated by hand or automatically",
    "P7": "disclosure and transfers",
    "P7.1": "nothing is disclosed to outsiders",
    "P7.2": "a processor for IT",
    "P7.3": "a processor for marketing automation; transfers outside the EU and the EEA",
    "P8": "protection and storage",
    "P8.1": "only those who are entitled have access; technical protection",
    "P8.2": "the need for storage is assessed",
    "P8.3": "wrong and outdated data is corrected or erased without delay",
    "P9": "the rights of the registrant",
    "P9.1": "access, rectification, erasure",
    "P9.2": "editing one's own data",
    "P9.3": "withdrawing consent",
    "P9.4": "restriction",
    "P9.5": "complaint to the authority",
    "P9.6": "objection, and when it may be refused",
    "P10": "whom to contact",
    "P10.1": "how a request is made",
}
