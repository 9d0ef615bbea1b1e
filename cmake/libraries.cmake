# Which outside libraries each room links: wharf_libraries_ROOM.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(GTest REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(NFTNL REQUIRED IMPORTED_TARGET libnftnl)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)

set(wharf_libraries_base fmt::fmt Boost::json OpenSSL::Crypto Threads::Threads)
set(wharf_libraries_os PkgConfig::MNL)
set(wharf_libraries_http OpenSSL::SSL)
set(wharf_libraries_store PkgConfig::SQLITE)
set(wharf_libraries_archive PkgConfig::ISAL PkgConfig::ZSTD PkgConfig::ARCHIVE)
set(wharf_libraries_network PkgConfig::MNL PkgConfig::NFTNL)

# What only tests link: test doubles and fixtures in tests/support.
add_library(wharf_testing INTERFACE)
target_include_directories(wharf_testing INTERFACE ${CMAKE_SOURCE_DIR}/tests/support)
