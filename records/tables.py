"""Every table.

Times are ``Instant`` columns: microseconds since 1970 UTC in the database, aware datetimes in Python. Ids are
16 bytes, ordered by time (``records.ids``), but for ``verifications`` and ``callbacks``, where they name a
place that only one of several racing units can take (``records.changes``). ``sealed`` columns hold what
``records.vault`` encrypted; ``party`` and ``index`` columns hold its keyed blind index of an address, never
the address.
"""

from __future__ import annotations

from records.account_tables import account_answers as account_answers
from records.account_tables import account_keys as account_keys
from records.account_tables import account_messages as account_messages
from records.account_tables import account_templates as account_templates
from records.account_tables import accounts as accounts
from records.complaint_tables import complaint_events as complaint_events
from records.complaint_tables import complaints as complaints
from records.complaint_tables import file_parts as file_parts
from records.complaint_tables import files as files
from records.credit_tables import credit_entries as credit_entries
from records.credit_tables import credit_holds as credit_holds
from records.credit_tables import credits as credits
from records.dialog_tables import bells as bells
from records.dialog_tables import flow_versions as flow_versions
from records.dialog_tables import leases as leases
from records.dialog_tables import sessions as sessions
from records.dialog_tables import turns as turns
from records.dialog_tables import visitors as visitors
from records.handover_tables import posts as posts
from records.handover_tables import presences as presences
from records.handover_tables import ratings as ratings
from records.handover_tables import threads as threads
from records.job_tables import job_batches as job_batches
from records.job_tables import job_errors as job_errors
from records.job_tables import job_messages as job_messages
from records.job_tables import job_parts as job_parts
from records.job_tables import jobs as jobs
from records.message_tables import TALKING as TALKING
from records.message_tables import attempts as attempts
from records.message_tables import dead_letters as dead_letters
from records.message_tables import former_names as former_names
from records.message_tables import inbox as inbox
from records.message_tables import outbox as outbox
from records.message_tables import provider_minutes as provider_minutes
from records.message_tables import provider_states as provider_states
from records.message_tables import receipt_orphans as receipt_orphans
from records.message_tables import tariffs as tariffs
from records.order_tables import devices as devices
from records.order_tables import order_steps as order_steps
from records.part_tables import part_names as part_names
from records.people_tables import address_events as address_events
from records.people_tables import addresses as addresses
from records.people_tables import callbacks as callbacks
from records.people_tables import consents as consents
from records.people_tables import subscribers as subscribers
from records.people_tables import suppressions as suppressions
from records.people_tables import verifications as verifications
from records.schema import EPOCH as EPOCH
from records.schema import OURSELVES as OURSELVES
from records.schema import UPDATED as UPDATED
from records.schema import Id as Id
from records.schema import Instant as Instant
from records.schema import metadata as metadata
from records.schema import microseconds as microseconds
from records.schema import moment as moment
from records.webhook_tables import webhook_deliveries as webhook_deliveries
from records.webhook_tables import webhooks as webhooks
