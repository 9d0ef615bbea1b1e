// What the header-only parts of the standard library expect of libstdc++: a way to end.
//
// They call these where an index or a size is wrong, which here is a defect of ours: the
// process stops at once, as an assertion does.
#include <stdlib.h>

namespace std {
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...);
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...) {
  abort();
}
[[noreturn]] void __throw_length_error(const char*);
[[noreturn]] void __throw_length_error(const char*) {
  abort();
}
[[noreturn]] void __throw_logic_error(const char*);
[[noreturn]] void __throw_logic_error(const char*) {
  abort();
}
[[noreturn]] void __throw_bad_optional_access();
[[noreturn]] void __throw_bad_optional_access() {
  abort();
}
}  // namespace std
