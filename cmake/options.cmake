# Language, warnings, and what the presets switch.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Debian's compiler makes position independent executables by itself; one setting for
# libraries and tests lets them share the precompiled header.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
option(WHARF_FAULTS "Compile the hook that fails or kills at any system call of room os" OFF)
option(WHARF_FUZZ "Build the fuzzers (clang)" OFF)
set(WHARF_SANITIZE "" CACHE STRING "address,undefined or thread")

add_library(wharf_flags INTERFACE)
target_compile_options(wharf_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer
  $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-pointer -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict -Wno-array-bounds -Wno-maybe-uninitialized>
  # clang sees std::stable_sort of libstdc++ 12 use what C++23 deprecates.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
if(WHARF_FAULTS)
  target_compile_definitions(wharf_flags INTERFACE WHARF_FAULTS=1)
endif()
if(WHARF_SANITIZE)
  # One name for all sanitizers and compilers: clang 19 does not define __SANITIZE_ADDRESS__.
  target_compile_definitions(wharf_flags INTERFACE WHARF_SANITIZED=1)
  target_compile_options(wharf_flags INTERFACE -fsanitize=${WHARF_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(wharf_flags INTERFACE -fsanitize=${WHARF_SANITIZE})
endif()
if(WHARF_FUZZ)
  # The rooms tell the fuzzers which branches an input took; without it they search blindly.
  target_compile_options(wharf_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(WHARF_MOLD mold)
if(WHARF_MOLD)
  target_link_options(wharf_flags INTERFACE -fuse-ld=mold)
endif()
target_link_options(wharf_flags INTERFACE -Wl,--gc-sections -Wl,--as-needed)
target_compile_options(wharf_flags INTERFACE -ffunction-sections -fdata-sections)
find_program(WHARF_CCACHE ccache)
if(WHARF_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WHARF_CCACHE})
endif()
