# The static runtime: musl, no exceptions, no libstdc++ at run time. Sources that
# only it is made of are in folders or files matched here; the daemon never links them.
set(wharf_runtime_only "/src/(runtime/|supervise/(supervisor|stdio|logfile|execs|main)[^/]*\\.cc)")
