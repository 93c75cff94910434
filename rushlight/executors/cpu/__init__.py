"""The cpu executor: a graph as one native program, made with LLVM and OpenBLAS and run by all threads.

In running order: rules.py simplifies, fusion.py decides what is computed together (index.py and expression.py say
what an iteration reads), planner.py turns units into calls of kernels (loops.py writes the fused ones, products.py and its
neighbours the others), memory.py places buffers, program.py puts the table together, running.py runs it on runtime.py's
workers. tiers.py decides when all that is worth while, by costs.py; archive.py keeps programs on disk. emit.py, compiling.py
and target.py make machine code.
"""
