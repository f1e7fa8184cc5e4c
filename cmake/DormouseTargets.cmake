# Where a build compiles each folder as one unit (CMAKE_UNITY_BUILD: the sanitizers' builds and the
# images), sources named under APART are compiled by themselves: what is local to them has names that
# other sources of the folder use too.

# dormouse_library(NAME SOURCES ... [APART ...] LINK ...): one static library per folder.
function(dormouse_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;APART;LINK" ${ARGN})
  add_library(dormouse_${name} STATIC ${ARG_SOURCES} ${ARG_APART})
  set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(dormouse_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sidecar)
  target_link_libraries(dormouse_${name} PUBLIC ${ARG_LINK})
endfunction()

# dormouse_test(NAME SOURCES ... [APART ...] LINK ... [TIMEOUT seconds] [NO_TSAN]): one GoogleTest program per folder; every
# case is a CTest test named LABEL.suite.case. A program with NO_TSAN is left out of the tsan build.
function(dormouse_test name)
  cmake_parse_arguments(ARG "NO_TSAN" "TIMEOUT" "SOURCES;APART;LINK" ${ARGN})
  if(ARG_NO_TSAN AND DORMOUSE_SANITIZER STREQUAL "thread")
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name}_test ${ARG_SOURCES} ${ARG_APART})
  set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(${name}_test PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR})
  # What is tested is optimized; the tests' own code would only take twice as long to compile.
  target_compile_options(${name}_test PRIVATE -O0 -U_FORTIFY_SOURCE)
  gtest_discover_tests(${name}_test NO_PRETTY_VALUES
    TEST_PREFIX "${DORMOUSE_TEST_LABEL}.${name}."
    PROPERTIES LABELS "${DORMOUSE_TEST_LABEL}" TIMEOUT ${ARG_TIMEOUT}
    DISCOVERY_TIMEOUT 60)
endfunction()
