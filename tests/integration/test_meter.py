"""What a process uses, counted at its clients."""

from typing import Any

from kili_export.aws.meter import ProcessMeter
from tests.support.seaweed import BUCKET


def test_requests_and_bytes_are_those_of_the_invocation(s3_client: Any) -> None:
    calls = 3
    meter = ProcessMeter(lambda: calls)
    meter.watch(s3_client)
    s3_client.put_object(Bucket=BUCKET, Key="meter", Body=b"x" * 1000)
    invocation = meter.invocation()
    calls = 5
    s3_client.put_object(Bucket=BUCKET, Key="meter", Body=b"y" * 2000)
    s3_client.get_object(Bucket=BUCKET, Key="meter")["Body"].read()
    s3_client.head_object(Bucket=BUCKET, Key="meter")
    spent = invocation.spent()
    assert spent.requests == {"s3.GetObject": 1, "s3.HeadObject": 1, "s3.PutObject": 1}
    assert spent.bytes_down == 2000
    assert spent.bytes_up >= 2000
    assert spent.kili_calls == 2
    assert spent.invocations == 1
    assert 0 < spent.seconds < 60
