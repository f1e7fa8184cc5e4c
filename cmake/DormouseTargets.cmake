# dormouse_library(NAME SOURCES ... LINK ...): one static library per folder.
function(dormouse_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(dormouse_${name} STATIC ${ARG_SOURCES})
  target_include_directories(dormouse_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sidecar)
  target_link_libraries(dormouse_${name} PUBLIC ${ARG_LINK})
endfunction()

# dormouse_test(NAME SOURCES ... LINK ... [SANITIZED tsan]): one GoogleTest program per folder; every
# case is a CTest test named LABEL.suite.case. A program with NO_TSAN is left out of the tsan build.
function(dormouse_test name)
  cmake_parse_arguments(ARG "NO_TSAN" "TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(ARG_NO_TSAN AND DORMOUSE_SANITIZER STREQUAL "thread")
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR})
  # What is tested is optimized; the tests' own code would only take twice as long to compile.
  target_compile_options(${name}_test PRIVATE -O0 -U_FORTIFY_SOURCE)
  gtest_discover_tests(${name}_test NO_PRETTY_VALUES
    TEST_PREFIX "${DORMOUSE_TEST_LABEL}.${name}."
    PROPERTIES LABELS "${DORMOUSE_TEST_LABEL}" TIMEOUT ${ARG_TIMEOUT}
    DISCOVERY_TIMEOUT 60)
endfunction()
