"""The whole state space of a run: the real orchestrator against every answer, and every death.

Nothing is drawn at random. Wherever the program asks the outside, every answer that the outside may
give is taken once, from every state in which it can be asked; `explore` says what a state is.
"""
