"""Whether pepper and suppression list are what keeps the erased out; asked before anything is
written.
"""

from __future__ import annotations

from assets.erasure.proof import certificate_binding
from assets.ingest import suppression
from assets.storage import suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from assets.storage.suppression_state import LIST_PATH, PEPPER_PATH, STATE, SuppressionStateError

_PATHS = {"CERT-PEPPER": PEPPER_PATH, "CERT-SUPPRESSION": LIST_PATH}


def check(data_root: DataRoot) -> None:
    """Compare pepper and list with the recorded state, and the state with the last certificate.

    A data root from before the state was recorded begins it here, if its certificates agree.

    Raises:
        PepperError, SuppressionStateError: Something is missing, cut, exchanged or older.
    """
    pepper(data_root)
    state = suppression_state.check(data_root)
    certified = certificate_binding.last_number(data_root)
    if state is None and certified:
        raise SuppressionStateError("CERT-SUPPRESSION", f"requests/{STATE}", "is missing")
    if state is None:
        for finding in certificate_binding.check(data_root):
            raise SuppressionStateError(
                finding.code,
                _PATHS[finding.code],
                f"is not the one of the certificate of {finding.request_id}",
            )
        suppression_state.begin(data_root, suppression.count_listed(data_root))
    elif state.number < certified:
        raise SuppressionStateError(
            "CERT-SUPPRESSION", LIST_PATH, "is older than the last certificate of an erasure"
        )
