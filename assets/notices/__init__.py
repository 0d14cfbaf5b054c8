"""The privacy notice, in each of the policy's languages (GDPR 12-14): the sentences are templates, the facts the running system's."""
