"""CloudFormation that makes what a template says, or refuses the template.

moto's CloudFormation drops most properties without a word. Here it only keeps the books (stacks, change sets,
parameters, references); every resource is made, changed and deleted through its own service's API, whoever
asks: the local system's start, the AWS CLI or the CDK CLI.

::

    backend.py    takes the place of moto's decisions: what is refused, what is done with a stack
    stacks.py     a stack's life, in which order, and what becomes of failures
    resources.py  one resource: made, changed, deleted
    kinds.py      what a kind of resource is made of
    catalog.py    every kind that is held, and why others are not

and the kinds by service: storage, tables, messages, alarms, roles, network,
security_groups, images, clusters, users.
"""

from __future__ import annotations
