"""`python -m tokenry`: the same as the `tokenry` command."""

from tokenry.entry import main

raise SystemExit(main())
