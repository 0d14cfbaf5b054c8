"""The role of each column of a table of people: all that the engine is given about a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from assets.storage.safe_errors import PlainError


class Role(StrEnum):
    """The content of a column. Several columns may have one role; columns without a role are
    ignored."""

    KEY = "key"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    FULL_NAME = "full_name"
    OTHER_NAME = "other_name"
    CALL_NAME = "call_name"
    BIRTH_DATE = "birth_date"
    BIRTH_YEAR = "birth_year"
    BIRTH_MONTH = "birth_month"
    BIRTH_DAY = "birth_day"
    AGE = "age"
    STREET = "street"
    HOUSE_NUMBER = "house_number"
    POSTCODE = "postcode"
    TOWN = "town"
    EMAIL = "email"
    PHONE = "phone"
    IDENTITY_NUMBER = "identity_number"
    ORGANISATION = "organisation"
    FREE_TEXT = "free_text"
    SOURCE = "source"


SYNONYMS = {
    "uid": Role.KEY,
    "id": Role.KEY,
    "record_key": Role.KEY,
    "first_name": Role.GIVEN_NAME,
    "forename": Role.GIVEN_NAME,
    "surname": Role.FAMILY_NAME,
    "last_name": Role.FAMILY_NAME,
    "name": Role.FULL_NAME,
    "alias": Role.OTHER_NAME,
    "preferred_name": Role.CALL_NAME,
    "former_name": Role.OTHER_NAME,
    "date_of_birth": Role.BIRTH_DATE,
    "dob": Role.BIRTH_DATE,
    "year_of_birth": Role.BIRTH_YEAR,
    "month_of_birth": Role.BIRTH_MONTH,
    "day_of_birth": Role.BIRTH_DAY,
    "address": Role.STREET,
    "street_number": Role.HOUSE_NUMBER,
    "postal_code": Role.POSTCODE,
    "zip": Role.POSTCODE,
    "city": Role.TOWN,
    "suburb": Role.TOWN,
    "e_mail": Role.EMAIL,
    "telephone": Role.PHONE,
    "phone_number": Role.PHONE,
    "identity_code": Role.IDENTITY_NUMBER,
    "identifier": Role.IDENTITY_NUMBER,
    "organization": Role.ORGANISATION,
    "company": Role.ORGANISATION,
    "text": Role.FREE_TEXT,
}
"""Common names of a role, besides its own."""

SINGLE_COLUMN = (
    Role.KEY,
    Role.CALL_NAME,
    Role.SOURCE,
    Role.BIRTH_DATE,
    Role.BIRTH_YEAR,
    Role.BIRTH_MONTH,
    Role.BIRTH_DAY,
    Role.AGE,
    Role.IDENTITY_NUMBER,
)
"""Roles that make sense once in a table."""


class RolesError(PlainError):
    """The roles do not fit the table, or are no roles; the message names them and the remedy."""


def role_of(word: str) -> Role | None:
    """The role that a word names, in any notation (Given name, given-name); None if it names
    none."""
    plain = "_".join(word.strip().lower().replace("-", " ").replace("_", " ").split())
    return Role(plain) if plain in list(Role) else SYNONYMS.get(plain)


@dataclass(frozen=True)
class Roles:
    """The columns of each role, in the order of the mapping; a column has one role."""

    columns: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, role: Role) -> tuple[str, ...]:
        return self.columns.get(role, ())

    def first(self, role: Role) -> str | None:
        """The role's first column, if there is one."""
        return next(iter(self[role]), None)

    def has(self, *roles: Role) -> bool:
        """Whether any column has any of the roles."""
        return any(self[role] for role in roles)

    @classmethod
    def of(cls, mapping: object) -> Roles:
        """Read `column: role`, or `role: column` or `role: [columns]`, maybe under `columns:` or
        `roles:`.

        Raises:
            RolesError: Names the column and the unknown role.
        """
        if (
            isinstance(mapping, Mapping)
            and len(mapping) == 1
            and next(iter(mapping)) in ("columns", "roles")
        ):
            mapping = next(iter(mapping.values()))
        if not isinstance(mapping, Mapping) or not mapping:
            raise RolesError(
                "roles: expected a mapping of columns to roles, such as `surname: family_name`"
            )
        pairs = [
            (str(left), str(right))
            for left, several in mapping.items()
            for right in (several if isinstance(several, list) else [several])
            if right is not None
        ]
        if any(role_of(right) is None for _, right in pairs) and all(
            role_of(left) is not None for left, _ in pairs
        ):
            pairs = [(right, left) for left, right in pairs]
        by_role: dict[Role, list[str]] = {}
        for column, word in pairs:
            role = role_of(word)
            if role is None:
                raise RolesError(
                    f"roles: column {column} has the unknown role {word}; "
                    f"the roles are {', '.join(Role)}"
                )
            by_role.setdefault(role, []).append(column)
        columns = [column for several in by_role.values() for column in several]
        repeated = next((column for column in columns if columns.count(column) > 1), None)
        if repeated is not None:
            raise RolesError(f"roles: column {repeated} has several roles; give it one")
        for role in SINGLE_COLUMN:
            if len(several := by_role.get(role, [])) > 1:
                raise RolesError(
                    f"roles: {role} is the role of {len(several)} columns "
                    f"({', '.join(several)}); give it to one"
                )
        if not set(by_role) - {Role.KEY, Role.SOURCE}:
            raise RolesError(
                "roles: no column says anything about a person; "
                "give at least a name, a birth date, a contact or an address"
            )
        return cls({role: tuple(columns) for role, columns in by_role.items()})
