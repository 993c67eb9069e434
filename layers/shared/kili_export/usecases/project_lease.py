"""Takes and gives back the right to publish a project."""

from dataclasses import dataclass
from datetime import timedelta

from kili_export.domain.lease import Claim, claim
from kili_export.ports import Clock, Lease, LeaseStore, Workflow


@dataclass(frozen=True, slots=True)
class ProjectLease:
    """The lease of projects, by executions of the workflow. `believed` is in seconds."""

    leases: LeaseStore
    workflow: Workflow
    clock: Clock
    believed: int

    def acquire(self, project_id: str, execution_arn: str) -> Lease | None:
        """The lease for this execution, None when another one is at work.

        A lease is taken over only when the execution of its holder does not run any more.
        """
        seen = self.leases.read(project_id)
        if seen is not None:
            allowed = claim(
                seen.holder, seen.expires_at, claimant=execution_arn, now=self.clock.now()
            )
            if allowed is Claim.HELD:
                return seen
            if allowed is Claim.BUSY or (allowed is Claim.ASK and self._runs(seen)):
                return None
        expires_at = self.clock.now() + timedelta(seconds=self.believed)
        return self.leases.take(project_id, holder=execution_arn, expires_at=expires_at, seen=seen)

    def held_by(self, project_id: str, execution_arn: str) -> Lease | None:
        """The lease if this execution holds it."""
        lease = self.leases.read(project_id)
        return lease if lease is not None and lease.holder == execution_arn else None

    def release(self, lease: Lease, *, told: bool) -> bool:
        """Gives a lease back. `told`: consumers know of all that was published under it."""
        return self.leases.release(lease, told=told)

    def is_abandoned(self, project_id: str) -> bool:
        """Whether its last holder died, or could not tell the consumers of everything."""
        lease = self.leases.read(project_id)
        if lease is None or lease.is_settled:
            return False
        return lease.holder is None or not self._at_work(lease)

    def is_at_work(self, project_id: str) -> bool:
        """Whether an execution holds the project and still runs, or is believed to."""
        lease = self.leases.read(project_id)
        return lease is not None and self._at_work(lease)

    def _at_work(self, lease: Lease) -> bool:
        if lease.holder is None:
            return False
        return self.clock.now() < lease.expires_at or self._runs(lease)

    def _runs(self, lease: Lease) -> bool:
        return lease.holder is not None and self.workflow.is_running(lease.holder)
