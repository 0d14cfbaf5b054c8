"""Every planted case: what is out of the ordinary about a record, where, and how often.

`truth/records.parquet` names the case of each record, so that a test can check its outcome. A case
that is a record's whole story (a move, a death) is listed as well as a defect (a broken code). From
2,000 registrants on, every case occurs at least once, except those that need a second delivery day
(`LATER_DAY_CASES`). A module with a `SAMPLE` declares its own cases there.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

PERUSTIEDOT: Final = "perustiedot"
MUUTOKSET: Final = "muutokset"
CREDIT_REPORTS: Final = "credit_reports"
VISITS: Final = "visits"
CONTACTS: Final = "contacts"
CONTRACTS: Final = "contracts"
ORDERS: Final = "orders"
CONSENT_LOG: Final = "consent_log"
EDITS: Final = "edits"


class Case(NamedTuple):
    """A planted case; `per_100k` is its number per 100,000 registrants (0: follows from others)."""

    name: str
    dataset: str
    per_100k: float
    what: str


PLANTED: Final = (
    # population register: what a person's basic data may look like
    Case("newborn_without_name", PERUSTIEDOT, 60, "no HENKILON_NIMI"),
    Case("guardian_without_code", PERUSTIEDOT, 60, "HUOLTAJA with a name but no henkilotunnus"),
    Case(
        "birth_date_differs", PERUSTIEDOT, 200, "SYNTYMAPAIVA is not the date in the identity code"
    ),
    Case(
        "birth_month_only", PERUSTIEDOT, 30, "SYNTYMAPAIVA with tarkkuus KUUKAUSI and a full date"
    ),
    Case("birth_year_only", PERUSTIEDOT, 20, "SYNTYMAPAIVA with tarkkuus VUOSI"),
    Case("birth_date_unknown", PERUSTIEDOT, 10, "SYNTYMAPAIVA with tarkkuus EI_TIEDOSSA"),
    Case("sex_missing", PERUSTIEDOT, 20, "SUKUPUOLI PUUTTUU"),
    Case("street_number_letters", PERUSTIEDOT, 80, "katunumero 6a-6b"),
    Case("street_number_range", PERUSTIEDOT, 150, "katunumero 5-7"),
    Case("street_number_house", PERUSTIEDOT, 60, "katunumero 10h5"),
    Case("apartment_000", PERUSTIEDOT, 100, "huoneistonumero 000"),
    Case("street_without_swedish", PERUSTIEDOT, 200, "katunimi without sv in a bilingual town"),
    Case("trailing_spaces", PERUSTIEDOT, 150, "names and street with spaces after them"),
    Case("utf8_name_differs", PERUSTIEDOT, 40, "etunimiUTF8 holds letters that etunimi has lost"),
    Case("language_98", PERUSTIEDOT, 30, "AIDINKIELI 98 with the language's name"),
    Case("foreign_address", PERUSTIEDOT, 300, "lives abroad"),
    Case(
        "foreign_address_998",
        PERUSTIEDOT,
        40,
        "lives abroad, valtiokoodi 998 and the country as free text",
    ),
    Case(
        "legacy_move_date",
        PERUSTIEDOT,
        100,
        "KOTIKUNTA with kuntaanMuuttoPv beside kuntaanMuuttopv",
    ),
    Case("direct_marketing_prohibition", PERUSTIEDOT, 1200, "SUORAMARKKINOINTIKIELTO"),
    Case("customer_register_prohibition", PERUSTIEDOT, 150, "ASIAKASREKISTERIN_PAIVITYSKIELTO"),
    Case("contact_disclosure_prohibition", PERUSTIEDOT, 300, "YHTEYSTIETOJEN_LUOVUTUSKIELTO"),
    Case("directory_prohibition", PERUSTIEDOT, 120, "HENKILOMATRIKKELIKIELTO"),
    Case("genealogy_prohibition", PERUSTIEDOT, 100, "SUKUTUTKIMUSKIELTO"),
    Case("protected_until_2120", PERUSTIEDOT, 30, "censored; turvaLoppuPv 2120-02-28"),
    Case("protected_until_2999", PERUSTIEDOT, 20, "censored; turvaLoppuPv 2999-02-28"),
    Case("protected_until_2100", PERUSTIEDOT, 20, "censored; turvaLoppuPv 2100-12-31"),
    Case("protected_group_names", PERUSTIEDOT, 15, "turvakiellonAlaisetKentat holds group names"),
    Case(
        "protected_uncensored_history", PERUSTIEDOT, 20, "EDELLINEN_KOTIKUNTA and the like in clear"
    ),
    Case(
        "protected_contact_address",
        PERUSTIEDOT,
        15,
        "KOTIMAINEN_YHTEYSOSOITE of a protected person",
    ),
    Case("protected_with_address", PERUSTIEDOT, 10, "the flag and an address in clear"),
    Case("deceased", PERUSTIEDOT, 550, "KUOLINPAIVA"),
    Case("deceased_without_date", PERUSTIEDOT, 20, "kuollut true, no kuolinpv"),
    Case("declared_dead", PERUSTIEDOT, 10, "KUOLLEEKSIJULISTAMISPAIVA"),
    Case(
        "code_correction_in_basic_data",
        PERUSTIEDOT,
        30,
        "HENKILOTUNNUS_KORJAUS AKTIIVI of the code itself",
    ),
    Case(
        "empty_correction_in_basic_data",
        PERUSTIEDOT,
        15,
        "HENKILOTUNNUS_KORJAUS and nothing else in it",
    ),
    Case("basic_data_unknown_group", PERUSTIEDOT, 40, "group JOKU_MUU"),
    Case("basic_data_duplicate_key", PERUSTIEDOT, 20, "the same JSON key twice in one record"),
    Case("basic_data_code_checksum", PERUSTIEDOT, 20, "identity code with a wrong check character"),
    Case("basic_data_code_missing", PERUSTIEDOT, 10, "no henkilotunnus"),
    Case("basic_data_impossible_date", PERUSTIEDOT, 10, "SYNTYMAPAIVA on 30 February"),
    Case("basic_data_replacement_character", PERUSTIEDOT, 10, "U+FFFD in the name"),
    Case("basic_data_again", PERUSTIEDOT, 300, "unchanged basic data of a person sent once more"),
    Case("basic_data_exact_duplicate", PERUSTIEDOT, 30, "the same record twice in one file"),
    Case(
        "same_code_other_century_sign",
        PERUSTIEDOT,
        0,
        "two people with codes that differ in the sign only",
    ),
    Case("twin", PERUSTIEDOT, 0, "same birth date, surname and address; other first name"),
    # population register: change messages
    Case(
        "move",
        MUUTOKSET,
        1900,
        "a household each: new address LISATTY, then the old one MUUTETTU with a past loppupv, "
        "KOTIKUNTA",
    ),
    Case(
        "name_change_marriage",
        MUUTOKSET,
        900,
        "HENKILON_NIMI MUUTETTU, NIMENMUUTOS EDELLINEN_SUKUNIMI",
    ),
    Case("given_name_change", MUUTOKSET, 250, "NIMENMUUTOS EDELLINEN_ETUNIMI"),
    Case("death", MUUTOKSET, 380, "KUOLINPAIVA LISATTY"),
    Case("email_change", MUUTOKSET, 350, "SAHKOPOSTIOSOITE LISATTY"),
    Case("language_change", MUUTOKSET, 150, "ASIOINTIKIELI LISATTY"),
    Case("temporary_address", MUUTOKSET, 350, "TILAPAINEN_KOTIMAINEN_OSOITE LISATTY"),
    Case(
        "postal_address",
        MUUTOKSET,
        300,
        "KOTIMAINEN_POSTIOSOITE changed; sv missing in the new one",
    ),
    Case("prohibition_added", MUUTOKSET, 500, "a prohibition LISATTY"),
    Case("prohibition_removed", MUUTOKSET, 120, "a prohibition POISTETTU"),
    Case("family_and_religion_only", MUUTOKSET, 600, "only groups that the register may not keep"),
    Case("move_abroad", MUUTOKSET, 120, "VAKINAINEN_ULKOMAINEN_OSOITE LISATTY"),
    Case("call_name_change", MUUTOKSET, 200, "KUTSUMANIMI"),
    Case("move_to_be_undone", MUUTOKSET, 60, "a move that a later message takes back"),
    Case("move_undone", MUUTOKSET, 0, "KOTIKUNTA and address POISTETTU with voimassaolevatTiedot"),
    Case("death_to_be_undone", MUUTOKSET, 30, "a death that a later message takes back"),
    Case("death_undone", MUUTOKSET, 0, "KORJATTAVA kuollut true, KORJATTU kuollut false"),
    Case("death_without_date", MUUTOKSET, 30, "kuollut true without kuolinpv"),
    Case(
        "code_correction", MUUTOKSET, 40, "AKTIIVI with the new code and PASSIIVI with the old one"
    ),
    Case(
        "code_correction_null_active",
        MUUTOKSET,
        15,
        "PASSIIVI with aktiivinenHenkilotunnus null",
    ),
    Case(
        "code_correction_empty_group", MUUTOKSET, 15, "HENKILOTUNNUS_KORJAUS and nothing else in it"
    ),
    Case(
        "code_correction_third_code", MUUTOKSET, 15, "PASSIIVI that mentions a third, invalid code"
    ),
    Case("protection_added", MUUTOKSET, 40, "TURVAKIELTO LISATTY, location groups censored"),
    Case("protection_flag_only", MUUTOKSET, 15, "TURVAKIELTO LISATTY and no other group"),
    Case(
        "protection_after_fresh_address",
        MUUTOKSET,
        15,
        "a new address, then the flag, in one message",
    ),
    Case(
        "protection_before_fresh_address",
        MUUTOKSET,
        15,
        "the flag, then a new address, in one message",
    ),
    Case("protection_past_end", MUUTOKSET, 15, "LISATTY, active, turvaLoppuPv in the past"),
    Case("protection_until_2120", MUUTOKSET, 10, "turvaLoppuPv 2120-02-28"),
    Case("protection_until_2999", MUUTOKSET, 10, "turvaLoppuPv 2999-02-28"),
    Case("protection_until_2100", MUUTOKSET, 10, "turvaLoppuPv 2100-12-31"),
    Case("protection_to_be_lifted", MUUTOKSET, 20, "a flag that a later message lifts"),
    Case("protection_lifted", MUUTOKSET, 0, "turvakieltoAktiivinen false, no address"),
    Case(
        "protection_to_be_lifted_with_address", MUUTOKSET, 20, "a flag that a later message lifts"
    ),
    Case(
        "protection_lifted_with_address",
        MUUTOKSET,
        0,
        "turvakieltoAktiivinen false and the address again",
    ),
    Case("newborn", MUUTOKSET, 20, "a person first heard of by a change, without a name"),
    Case(
        "change_of_unknown_person", MUUTOKSET, 30, "a move of a person who has no basic data here"
    ),
    Case("change_unknown_group", MUUTOKSET, 30, "group JOKU_MUU"),
    Case("change_duplicate_key", MUUTOKSET, 15, "the same JSON key twice in one message"),
    Case(
        "change_code_broken",
        MUUTOKSET,
        10,
        "henkilotunnus is a word; tietoryhmat and muutospv missing",
    ),
    Case("change_code_missing", MUUTOKSET, 10, "no henkilotunnus"),
    Case("change_code_checksum", MUUTOKSET, 15, "identity code with a wrong check character"),
    Case("change_without_groups", MUUTOKSET, 10, "no tietoryhmat"),
    Case("change_without_time", MUUTOKSET, 10, "no muutospv"),
    Case("change_broken", MUUTOKSET, 15, "an address that begins on 30 February"),
    Case("change_after_broken", MUUTOKSET, 0, "a good, later change of the same person"),
    Case("change_newer_first", MUUTOKSET, 20, "the newer of two name changes, delivered first"),
    Case("change_older_last", MUUTOKSET, 0, "the older of two name changes, delivered last"),
    Case("change_context_only", MUUTOKSET, 40, "LISATIETO: context, not a change"),
    Case("change_at_21z", MUUTOKSET, 30, "muutospv at 21:00Z"),
    Case("change_exact_duplicate", MUUTOKSET, 20, "the same message twice in one file"),
    # CRM contacts
    Case("typing_error", CONTACTS, 1500, "a letter wrong, doubled, lost or swapped in a name"),
    Case("transposed_names", CONTACTS, 400, "given name in Last Name and the other way round"),
    Case("initial_only", CONTACTS, 500, "First Name is an initial: M."),
    Case("middle_initial", CONTACTS, 500, "First Name with a second initial: Matti J"),
    Case("nickname", CONTACTS, 700, "First Name is a nickname"),
    Case("capitals", CONTACTS, 400, "names in capitals"),
    Case("old_family_name", CONTACTS, 0, "the CRM keeps the name from before the marriage"),
    Case("email_missing", CONTACTS, 2500, "no Email"),
    Case("phone_missing", CONTACTS, 3000, "no Phone Number"),
    Case("name_missing", CONTACTS, 600, "no name at all"),
    Case("email_broken", CONTACTS, 150, "Email that is not an address"),
    Case("several_companies", CONTACTS, 600, "Associated Company with ; between two"),
    Case("line_break_in_address", CONTACTS, 200, "Street Address over two lines"),
    Case("quotes_and_commas", CONTACTS, 200, "Job Title with quotes and a comma"),
    Case("replacement_character", CONTACTS, 40, "U+FFFD in a name"),
    Case("too_many_fields", CONTACTS, 20, "a row with a field too many"),
    Case("too_few_fields", CONTACTS, 20, "a row with fields missing"),
    Case("record_id_missing", CONTACTS, 20, "no Record ID"),
    Case("contact_impossible_date", CONTACTS, 20, "Create Date 31 June"),
    Case(
        "duplicate_typing_error",
        CONTACTS,
        2500,
        "a second contact of the person, a name misspelled",
    ),
    Case("duplicate_email_alias", CONTACTS, 1800, "a second contact, plus-addressed e-mail"),
    Case("duplicate_email_capitals", CONTACTS, 1200, "a second contact, e-mail in capitals"),
    Case("duplicate_abbreviated", CONTACTS, 1200, "a second contact, initial only"),
    Case("duplicate_old_address", CONTACTS, 1000, "a second contact at another address"),
    Case("duplicate_phone_only", CONTACTS, 600, "a second contact with name and phone only"),
    Case("contact_changed", CONTACTS, 2500, "the same Record ID once more with other values"),
    Case("unsubscribed", CONTACTS, 2500, "Unsubscribed from all email is true"),
    Case("global_bounce", CONTACTS, 500, "Global bounce is filled"),
    Case("shared_mailbox", CONTACTS, 0, "a household's one e-mail address"),
    Case("shared_phone", CONTACTS, 0, "a household's one telephone"),
    Case("twin_contact", CONTACTS, 0, "a contact of a twin"),
    Case("protected_contact", CONTACTS, 0, "a contact, with address, of a protected person"),
    Case("deceased_contact", CONTACTS, 0, "a contact of a person who has died"),
    Case("minor_contact", CONTACTS, 0, "a contact of somebody under 18"),
    Case("dormant_prospect", CONTACTS, 0, "no contract, last activity over three years ago"),
    Case("contact_exact_duplicate", CONTACTS, 80, "the same row twice in one file"),
    # CRM contracts
    Case("ended_over_3_years", CONTRACTS, 900, "the contract ended over 3 years ago"),
    Case("ended_over_6_years", CONTRACTS, 500, "the contract ended over 6 years ago"),
    Case("ended_over_10_years", CONTRACTS, 350, "the contract ended over 10 years ago"),
    Case("contract_code_checksum", CONTRACTS, 40, "identity code with a wrong check character"),
    Case("contract_old_code", CONTRACTS, 0, "the identity code from before its correction"),
    Case("contract_without_contact", CONTRACTS, 300, "no contact_id, customer number only"),
    Case("contract_unknown_contact", CONTRACTS, 60, "a contact_id that no contact has"),
    Case("contract_end_before_start", CONTRACTS, 40, "ends_on before starts_on"),
    Case("contract_unknown_status", CONTRACTS, 20, "a status outside the list"),
    Case("contract_number_missing", CONTRACTS, 15, "no contract_number"),
    Case("contract_too_few_fields", CONTRACTS, 10, "a row with fields missing"),
    Case(
        "contract_changed", CONTRACTS, 900, "the contract once more: it has ended or been cancelled"
    ),
    Case("contract_exact_duplicate", CONTRACTS, 40, "the same row twice in one file"),
    # CRM orders
    Case("order_over_6_years", ORDERS, 1500, "a voucher past six years"),
    Case("order_over_10_years", ORDERS, 400, "a voucher past ten years"),
    Case("order_without_contact", ORDERS, 600, "customer number only"),
    Case("order_number_missing", ORDERS, 20, "no order_number"),
    Case("order_decimal_comma", ORDERS, 40, "amount with a decimal comma"),
    Case("order_absurd_amount", ORDERS, 20, "amount of a hundred million"),
    Case("order_changed", ORDERS, 2500, "the order once more: delivered, returned or cancelled"),
    Case("order_too_many_fields", ORDERS, 10, "a row with a field too many"),
    Case("order_exact_duplicate", ORDERS, 60, "the same row twice in one file"),
    # consent log
    Case("tcf_valid", CONSENT_LOG, 4000, "a whole TCF string as evidence"),
    Case("tcf_truncated", CONSENT_LOG, 150, "a TCF string that breaks off: no consent"),
    Case(
        "register_prohibition",
        CONSENT_LOG,
        0,
        "prohibited, from the population register, by identity code",
    ),
    Case("list_prohibition", CONSENT_LOG, 400, "prohibited, from a prohibition list, by phone"),
    Case(
        "grant_after_prohibition",
        CONSENT_LOG,
        150,
        "a grant newer than a prohibition of the same person",
    ),
    Case("consent_withdrawn", CONSENT_LOG, 3000, "withdrawn after a grant"),
    Case("consent_without_text_version", CONSENT_LOG, 1000, "text_version and language missing"),
    Case("consent_of_unknown_key", CONSENT_LOG, 300, "a subject key that no other source knows"),
    Case("consent_without_key", CONSENT_LOG, 30, "no subject_key"),
    Case("consent_unknown_status", CONSENT_LOG, 20, "a status outside the list"),
    Case(
        "consent_key_in_capitals",
        CONSENT_LOG,
        400,
        "an e-mail key in other capitals than the CRM's",
    ),
    Case("minor_consent", CONSENT_LOG, 0, "a profiling consent of somebody under 18"),
    Case("consent_exact_duplicate", CONSENT_LOG, 60, "the same row twice in one file"),
    # credit reports
    Case("credit_clean", CREDIT_REPORTS, 0, "no remarks"),
    Case("credit_ban", CREDIT_REPORTS, 300, "a ban: amount and creditor null"),
    Case("credit_paid", CREDIT_REPORTS, 700, "a remark paid, not yet expired"),
    Case("credit_expired", CREDIT_REPORTS, 400, "a remark past its expiry"),
    Case("credit_purpose_missing", CREDIT_REPORTS, 60, "no purposeCode"),
    Case("credit_purpose_unknown", CREDIT_REPORTS, 20, "a purposeCode outside the list"),
    Case("credit_other_purpose", CREDIT_REPORTS, 70, "for choosing an employee, or an authority"),
    Case("credit_broken_line", CREDIT_REPORTS, 15, "a line that is not JSON"),
    Case("credit_code_checksum", CREDIT_REPORTS, 30, "identity code with a wrong check character"),
    Case(
        "credit_without_identity", CREDIT_REPORTS, 15, "neither socialSecurityNumber nor businessId"
    ),
    Case("credit_birth_date_differs", CREDIT_REPORTS, 40, "dateOfBirth is not the register's"),
    Case("credit_business", CREDIT_REPORTS, 240, "a company, by businessId"),
    Case("credit_renewed", CREDIT_REPORTS, 500, "a newer report about the same person"),
    Case("credit_exact_duplicate", CREDIT_REPORTS, 20, "the same line twice in one file"),
    # website visits
    Case("visit_over_25_months", VISITS, 2500, "older than 25 months"),
    Case("visit_to_be_reexported", VISITS, 1500, "exported while it was still going on"),
    Case("visit_reexported_longer", VISITS, 0, "the same visit, longer"),
    Case("visit_masked_ip", VISITS, 6000, "the last byte of the IP address is 0"),
    Case("visit_ipv6", VISITS, 8000, "an IPv6 address"),
    Case("visit_email_as_user", VISITS, 4000, "userId is an e-mail address"),
    Case("visit_customer_as_user", VISITS, 4000, "userId is a customer number"),
    Case("visit_emoji_keyword", VISITS, 300, "an emoji in the search keyword"),
    Case("visit_absurd_revenue", VISITS, 20, "an order of 9,999,999,999"),
    Case("visit_order", VISITS, 1500, "an ecommerce order"),
    Case("visit_located", VISITS, 8000, "city, latitude and longitude"),
    Case(
        "visit_misleading_local_time", VISITS, 3000, "site-local strings many hours off the epoch"
    ),
    Case("visit_numbers_as_text", VISITS, 300, "idSite, idVisit and times typed as strings"),
    Case("visit_without_id", VISITS, 20, "no idVisit"),
    Case("visit_without_time", VISITS, 20, "neither serverTimestamp nor firstActionTimestamp"),
    Case("visit_negative_duration", VISITS, 20, "visitDuration below zero"),
    Case("visit_error_element", VISITS, 10, 'an element {"result":"error","message":...}'),
    Case("website_only", VISITS, 0, "a visitor that no other source knows"),
    Case("visit_exact_duplicate", VISITS, 60, "the same element twice in one file"),
    # edits of one's own data
    Case("edit_part_of_a_name", EDITS, 20, "a family name without given names"),
    Case("edit_email_broken", EDITS, 20, "an e-mail address that is none"),
)

REDELIVERY: Final = Case(
    "redelivery", "", 0, "the whole file was delivered on an earlier day, byte for byte"
)

LATER_DAY_CASES: Final = frozenset({REDELIVERY.name})

NO_CASE: Final = -1


@cache
def every_case() -> tuple[Case, ...]:
    """Return all cases: those of this page, and those that a module's `SAMPLE` declares."""
    from pipelines.synthetic.samples import samples

    return (*PLANTED, *(case for sample in samples() for case in sample.cases), REDELIVERY)


@cache
def _codes() -> dict[str, int]:
    return {case.name: code for code, case in enumerate(every_case())}


def case_code(name: str) -> int:
    """Return the code of a case in `Records.case`: its place among all cases."""
    return _codes()[name]


def case_named(name: str) -> Case:
    """Return the case of this name."""
    return every_case()[case_code(name)]
