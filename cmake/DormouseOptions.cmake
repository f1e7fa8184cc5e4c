# What every target is compiled with: the language, the warnings, the sanitizers, the libraries.

option(DORMOUSE_FUZZ "Build the libFuzzer targets (clang) instead of the tests" OFF)
option(DORMOUSE_BENCH "Build the benchmark programs" OFF)
option(DORMOUSE_STATIC "Link the programs statically, with the libraries that images/deps builds" OFF)
set(DORMOUSE_SANITIZER "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
set(DORMOUSE_TEST_LABEL "release" CACHE STRING "The label, and the name's prefix, of this build's tests")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wformat=2 -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wduplicated-cond -Wlogical-op)
  # GCC 12 raises it falsely for std::string::operator+ (GCC bug 105651).
  add_compile_options(-Wno-restrict)
  # GCC 12 sees uninitialized values in its own library once sanitizers have instrumented it.
  if(DORMOUSE_SANITIZER)
    add_compile_options(-Wno-maybe-uninitialized -Wno-stringop-overflow)
  endif()
endif()
add_compile_options(-fstack-protector-strong)

if(DORMOUSE_SANITIZER)
  add_compile_options(-fsanitize=${DORMOUSE_SANITIZER} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g1)  # Lines are all that their reports show.
  add_link_options(-fsanitize=${DORMOUSE_SANITIZER})
  # Its check opens a pipe, and a test takes the descriptors away.
  if(DORMOUSE_SANITIZER MATCHES "undefined")
    add_compile_options(-fno-sanitize=vptr)
  endif()
else()
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
if(DORMOUSE_STATIC)
  # Not position-independent: the loader would have to write its relocations into 400 KiB of memory
  # that the sidecar then keeps for all its sleep.
  set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
  add_compile_options(-fno-pie -ffunction-sections -fdata-sections
                      -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
  add_link_options(-static -no-pie -Wl,--gc-sections -Wl,--build-id=none)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
  set(OPENSSL_USE_STATIC_LIBS ON)
  set(Boost_USE_STATIC_LIBS ON)
else()
  find_program(MOLD_PROGRAM mold)
  if(MOLD_PROGRAM)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

find_package(Threads REQUIRED)
find_package(Poco 1.11 REQUIRED COMPONENTS Foundation Net NetSSL Crypto JSON Util)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(prometheus-cpp REQUIRED CONFIG)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
pkg_check_modules(CAP REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
find_package(RapidJSON REQUIRED)  # Headers alone.
if(NOT DORMOUSE_STATIC)  # The client's alone, which no image holds.
  pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
endif()
