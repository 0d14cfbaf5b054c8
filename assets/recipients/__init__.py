"""Who else has a registrant's data: what was handed to recipients, and telling them of erasure, rectification and restriction (GDPR 19)."""
