"""Circles in a graph."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

_Vertex = TypeVar("_Vertex", bound=Hashable)


def circles(graph: Mapping[_Vertex, Sequence[_Vertex]]) -> Iterator[set[_Vertex]]:
    """Yield each largest set of vertices that all lead to each other (Tarjan, without recursion).

    A vertex alone is one only if it leads to itself.
    """
    numbers: dict[_Vertex, int] = {}
    lowest: dict[_Vertex, int] = {}
    stack: list[_Vertex] = []
    stacked: set[_Vertex] = set()
    for root in graph:
        if root in numbers:
            continue
        calls = [(root, iter(graph[root]))]
        numbers[root] = lowest[root] = len(numbers)
        stack.append(root)
        stacked.add(root)
        while calls:
            vertex, rest = calls[-1]
            following = next(
                (each for each in rest if each not in numbers or each in stacked), None
            )
            if following is None:
                calls.pop()
                if calls:
                    above = calls[-1][0]
                    lowest[above] = min(lowest[above], lowest[vertex])
                if lowest[vertex] == numbers[vertex]:
                    circle = set()
                    while vertex not in circle:
                        circle.add(stack.pop())
                    stacked -= circle
                    if len(circle) > 1 or vertex in graph[vertex]:
                        yield circle
            elif following in numbers:
                lowest[vertex] = min(lowest[vertex], numbers[following])
            else:
                numbers[following] = lowest[following] = len(numbers)
                stack.append(following)
                stacked.add(following)
                calls.append((following, iter(graph[following])))
