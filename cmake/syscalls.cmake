# Writes the names and numbers of system calls as rows WHARF_SYSCALL(ENTRY, name, number), read
# from the kernel's headers: x86_64, x86 (int 0x80) and x32 (numbers with bit 30 set).
set(rows "")
foreach(pair IN ITEMS "X86_64;64" "X86;32" "X32;x32")
  list(GET pair 0 entry)
  list(GET pair 1 suffix)
  file(STRINGS /usr/include/x86_64-linux-gnu/asm/unistd_${suffix}.h lines REGEX "^#define __NR_")
  foreach(line IN LISTS lines)
    if(line MATCHES "^#define __NR_([a-z0-9_]+) \\(?(__X32_SYSCALL_BIT \\+ )?([0-9]+)\\)?")
      string(APPEND rows "WHARF_SYSCALL(${entry}, ${CMAKE_MATCH_1}, ${CMAKE_MATCH_3})\n")
    endif()
  endforeach()
endforeach()
# Calls that are younger than these headers; since 424 all entries share their numbers.
foreach(pair IN ITEMS "cachestat;451" "fchmodat2;452" "map_shadow_stack;453" "futex_wake;454"
    "futex_wait;455" "futex_requeue;456" "statmount;457" "listmount;458" "lsm_get_self_attr;459"
    "lsm_set_self_attr;460" "lsm_list_modules;461" "mseal;462" "setxattrat;463" "getxattrat;464"
    "listxattrat;465" "removexattrat;466" "open_tree_attr;467" "file_getattr;468"
    "file_setattr;469")
  list(GET pair 0 name)
  list(GET pair 1 number)
  foreach(entry X86_64 X86 X32)
    if(NOT rows MATCHES "\\(${entry}, ${name},")
      string(APPEND rows "WHARF_SYSCALL(${entry}, ${name}, ${number})\n")
    endif()
  endforeach()
endforeach()
if(NOT rows MATCHES "X86_64, uretprobe,")
  string(APPEND rows "WHARF_SYSCALL(X86_64, uretprobe, 335)\n")
endif()
file(WRITE ${OUTPUT} "${rows}")
