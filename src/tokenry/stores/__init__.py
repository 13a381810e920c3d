"""Where state lives: the `Store` port in memory and in SQLite, each native (G-1, G-2, G-4).

It owns atomicity, durability and the order of numbers; what a plan means is decided below, who may
ask is decided above. `group_commit` makes many waiting plans one durable batch and is shared by
every adapter that commits to a database; `sqlite` and `memory` stand on their own. All adapters
pass the suite in tests/contracts/store_contract.py. Read next: `ports/store.py`, then
`group_commit.py`, then `sqlite/batch_writer.py`.
"""
