# The static runtime: musl, no exceptions, no libstdc++ at run time. Sources that
# only it is made of are in folders or files matched here; the daemon never links them.
set(wharf_runtime_only "/src/(runtime/|supervise/(supervisor|stdio|execs|main)[^/]*\\.cc)")

# Always g++ and musl, whatever the preset says: a sanitizer's or a fuzzer's runtime cannot live
# in this program. Each source is one custom command, through ccache, with its own depfile.
file(GLOB wharf_runtime_sources CONFIGURE_DEPENDS
  src/base/arena.cc src/base/text.cc src/base/json_tree.cc
  src/oci/spec*.cc src/oci/resources*.cc src/os/seccomp*.cc
  src/cgroup/*.cc src/runtime/*.cc
  src/supervise/supervisor*.cc src/supervise/stdio*.cc src/supervise/logfile*.cc
  src/supervise/execs*.cc src/supervise/main*.cc
  src/cmd/wharf-runtime.cc)
list(FILTER wharf_runtime_sources EXCLUDE REGEX "(_test|_fuzz)\\.cc$")

set(wharf_runtime_flags
  -std=c++23 -Os -g0 -Wall -Wextra -Wshadow -Wconversion -Werror
  -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-asynchronous-unwind-tables
  -fno-stack-protector -fno-pie -ffunction-sections -fdata-sections -fmerge-all-constants
  -nostdinc -isystem /usr/include/c++/12 -isystem /usr/include/x86_64-linux-gnu/c++/12
  -isystem /usr/include/x86_64-linux-musl -isystem /usr/lib/gcc/x86_64-linux-gnu/12/include
  -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
  "-D__GLIBC_PREREQ(a,b)=0" -D_GNU_SOURCE -DWHARF_STATIC=1
  -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_BINARY_DIR}/generated)

# The system call tables of the three x86 entries, for os/seccomp in both worlds.
set(OUTPUT ${CMAKE_BINARY_DIR}/generated/os/seccomp_table.inc)
include(cmake/syscalls.cmake)
include_directories(${CMAKE_BINARY_DIR}/generated)

set(wharf_runtime_objects)
foreach(source IN LISTS wharf_runtime_sources)
  file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR}/src ${source})
  string(REPLACE "/" "." name ${name})
  set(object ${CMAKE_BINARY_DIR}/static/${name}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} g++ ${wharf_runtime_flags} -MD -MF ${object}.d -MT ${object}
            -c ${source} -o ${object}
    DEPENDS ${source} DEPFILE ${object}.d VERBATIM
    COMMENT "Static ${name}")
  list(APPEND wharf_runtime_objects ${object})
endforeach()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/static)

set(wharf_runtime_binary ${CMAKE_BINARY_DIR}/wharf-runtime)
add_custom_command(OUTPUT ${wharf_runtime_binary}
  COMMAND musl-gcc -static -s -no-pie ${wharf_runtime_objects} -o ${wharf_runtime_binary}
          -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none
          -Wl,-z,noexecstack
  DEPENDS ${wharf_runtime_objects} VERBATIM COMMENT "Linking wharf-runtime (static, musl)")
add_custom_target(wharf_runtime_program ALL DEPENDS ${wharf_runtime_binary})
install(PROGRAMS ${wharf_runtime_binary} DESTINATION bin)
