"""A pipeline whose runs are over as soon as they are asked for."""

from dataclasses import replace
from datetime import timedelta

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.content_notes import note_contents
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.same_content import ContentCheck
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import UploadState

from .conftest import PLENTY, make_run


class Drops:
    """A pipeline whose runs are over as soon as they are asked for."""

    def __init__(self, ledger, storage):
        self.ledger, self.storage = ledger, storage
        self.runs = 0

    def put(self, key, body=b"a\n1\n"):
        self.storage.client.put_object(Bucket="sd-uploads", Key=f"flights/{key}", Body=body)
        return self.land(key)

    def land(self, key):
        arrival = self.storage.read_arrival("sd-uploads", f"flights/{key}")
        # S3 tells times in seconds, and here all happens in one: each comes after the one before
        arrival = replace(arrival, arrived_at=arrival.arrived_at + timedelta(milliseconds=self.runs))
        entry = InboxEntry(arrival.upload_id, arrival)
        self.runs += 1
        self.ledger.record("flights", [entry])
        return entry

    def move(self, source, target):
        client = self.storage.client
        place = {"Bucket": "sd-uploads", "Key": f"flights/{source}"}
        client.copy_object(Bucket="sd-uploads", Key=f"flights/{target}", CopySource=place)
        client.delete_object(**place)
        return self.land(target)

    def claim(self, limits=PLENTY, **choice):
        self.runs += 1
        check = ContentCheck(self.ledger, self.storage, "flights")
        return claim_batch(self.ledger, make_run(f"run{self.runs}"), limits, contents=check, **choice)

    def end(self, claim, state=UploadState.SUCCEEDED, retry_at=None):
        """End all of a claim; the answer is the keys."""
        if claim.head is None:
            return []
        facts = {"output": f"s3://sd-curated/{claim.head.batch_id}", "rows_in": 1}
        ends = [UploadOutcome(entry, state, facts, retry_at) for entry in claim.entries]
        note_contents(self.ledger, "flights", ends)
        self.ledger.settle(claim.head, ends)
        self.ledger.close_batch(claim.head.batch_id, BatchState.SUCCEEDED)
        return [entry.arrival.key.removeprefix("flights/") for entry in claim.entries]

    def run(self, state=UploadState.SUCCEEDED, **choice):
        """Claim, and end all that was claimed so; the answer is the keys."""
        return self.end(self.claim(**choice), state)

    def retry(self, claim):
        """End all of a claim so that it is due again in five minutes."""
        self.end(claim, UploadState.PENDING, self.ledger.now() + timedelta(minutes=5))

    def read(self, entry):
        (item,) = self.ledger.read_uploads([entry.upload_id])
        return item
