"""The names that people read for AWS services, whichever way a source writes them."""

import pytest

from services.domain.service_names import NAMES, service_name, service_names
from services.presentation import hint


@pytest.mark.parametrize(
    ("codes", "name"),
    [
        (("ec2", "AmazonEC2", "EC2", "amazonec2", "Amazon EC2"), "EC2"),
        (("awsdatatransfer", "AWSDataTransfer", "datatransfer", "Data Transfer"), "Data Transfer"),
        (("lambda", "AWSLambda"), "Lambda"),
        (("cloudwatch", "AmazonCloudWatch"), "CloudWatch"),
        (("elasticmapreduce", "ElasticMapReduce", "emr"), "EMR"),
        (("AWSQueueService", "sqs"), "SQS"),
        (("AmazonES", "opensearch"), "OpenSearch"),
        (("awskms", "kms"), "KMS"),
        (("awsevents", "AWSEvents"), "EventBridge"),
    ],
)
def test_both_spellings_have_the_name_that_people_use(codes: tuple[str, ...], name: str) -> None:
    assert {service_name(code) for code in codes} == {name}


@pytest.mark.parametrize(
    "code", ["", "AmazonFutureThing", "my-product", "events", "Config", "aws", "N/A", "ec2 spot"]
)
def test_a_code_that_is_not_known_stays_as_it_is(code: str) -> None:
    assert service_name(code) == code


def test_every_name_is_known_by_its_code_alone_and_reads_as_one_line() -> None:
    assert all(code == code.casefold() and " " not in code for code in NAMES)
    assert all(name == " ".join(name.split()) and len(name) < 35 for name in NAMES.values())
    assert list(NAMES) == sorted(NAMES)


def test_two_codes_of_one_service_are_told_apart_where_they_stand_together() -> None:
    assert service_names(["AmazonEC2", "ec2", "rds", "x"]) == {
        "AmazonEC2": "EC2 (AmazonEC2)",
        "ec2": "EC2 (ec2)",
        "rds": "RDS",
        "x": "x",
    }
    assert service_names(["ec2", "ec2"]) == {"ec2": "EC2"}


def test_text_from_outside_is_one_line_of_limited_length() -> None:
    assert service_name("a\nb\u202ec" + "d" * 90, 20) == "a bc" + "d" * 15 + "…"


def test_a_hint_is_found_by_either_spelling() -> None:
    assert hint("awsdatatransfer") == hint("AWSDataTransfer") == hint("Data Transfer") != ""
    assert hint("AmazonEC2") == hint("ec2") != ""
