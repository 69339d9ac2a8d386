"""What the profile low-cost verifies Aurora by."""

import re
import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.infra.template import ROOT

AUTHORITIES = ROOT / "layers" / "dependencies" / "postgres" / "rds-authorities.pem"
NAME = re.compile(r"CN=Amazon RDS ([a-z0-9-]+) Root CA (RSA2048|RSA4096|ECC384) G1,")


def authorities() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(AUTHORITIES.read_bytes())


def test_each_region_has_all_three_of_rds_s_authorities() -> None:
    found = [NAME.search(each.subject.rfc4514_string()) for each in authorities()]

    named = {(each[1], each[2]) for each in found if each is not None}
    regions = {region for region, _ in named}
    assert None not in found
    assert {"us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-southeast-2"} <= regions
    assert len(named) == len(found) == 3 * len(regions)


def test_an_authority_vouches_for_itself_and_is_one_for_years() -> None:
    for authority in authorities():
        authority.verify_directly_issued_by(authority)
        assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert authority.not_valid_after_utc > datetime.now(UTC) + timedelta(days=5 * 365)
    assert len({each.fingerprint(SHA256()) for each in authorities()}) == len(authorities())


def test_openssl_reads_the_whole_file() -> None:
    context = ssl.create_default_context(cafile=str(AUTHORITIES))

    assert context.cert_store_stats()["x509_ca"] == len(authorities())
