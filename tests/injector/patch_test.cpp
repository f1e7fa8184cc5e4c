#include "injector/patch.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/injector/support/pods.h"

namespace dormouse::injector {
namespace {

TEST(Patch, EscapesPointers) {
  EXPECT_EQ(toPointer({"metadata", "annotations", "a~b/c~1d"}),
            "/metadata/annotations/a~0b~1c~01d");
  EXPECT_EQ(toPointer({""}), "/");
}

TEST(Patch, CreatesAbsentParentsOnce) {
  Patch patch(parseObject(R"({"spec":null})"));
  patch.set({"metadata", "annotations", "a"}, std::string("1"));
  patch.set({"metadata", "annotations", "b"}, std::string("2"));
  patch.append({"spec", "volumes"}, std::string("v"));
  patch.append({"spec", "volumes"}, std::string("w"));
  EXPECT_EQ(patch.toText(), R"([{"op":"add","path":"/metadata","value":{}},)"
                            R"({"op":"add","path":"/metadata/annotations","value":{}},)"
                            R"({"op":"add","path":"/metadata/annotations/a","value":"1"},)"
                            R"({"op":"add","path":"/metadata/annotations/b","value":"2"},)"
                            R"({"op":"add","path":"/spec","value":{}},)"
                            R"({"op":"add","path":"/spec/volumes","value":["v"]},)"
                            R"({"op":"add","path":"/spec/volumes/-","value":"w"}])");
}

TEST(Patch, AddsAtBothEndsOfAListThatIsThere) {
  const JsonObject document = parseObject(R"({"l":[1]})");
  Patch patch(document);
  patch.prepend({"l"}, 0);
  patch.append({"l"}, 2);
  applyPatch(document, patch.operations());
  EXPECT_EQ(toText(document), R"({"l":[0,1,2]})");
}

TEST(Patch, LeavesAStringThatIsThere) {
  Patch patch(parseObject(R"({"a":"x","n":1})"));
  patch.set({"a"}, std::string("x"));
  EXPECT_TRUE(patch.empty());
  patch.set({"a"}, std::string("y"));
  EXPECT_EQ(patch.toText(), R"([{"op":"add","path":"/a","value":"y"}])");
}

TEST(Patch, RefusesToLeadThroughAnotherType) {
  Patch patch(parseObject(R"({"spec":[],"s":"text"})"));
  EXPECT_THROW(patch.set({"spec", "a"}, 1), std::invalid_argument);
  EXPECT_THROW(patch.append({"s"}, 1), std::invalid_argument);
}

}  // namespace
}  // namespace dormouse::injector
