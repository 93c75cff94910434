"""Automatic differentiation: `modes` (whether calls are recorded), `entry` (the tape), `record` (how a call gets on it),
`engine` (backward), `function` (user-defined functions), `gradcheck`, `anomaly`, `functional`.
"""
