// Quantities, Base64 and JSON: values from outside.
#include <gtest/gtest.h>

#include <stdexcept>

#include "injector/base64.h"
#include "injector/json.h"
#include "injector/quantity.h"

namespace dormouse::injector {
namespace {

Quantity quantity(const char* text) {
  const auto value = Quantity::parse(text);
  if (!value) throw std::invalid_argument(text);
  return *value;
}

TEST(QuantityTest, ComparesAmountsNotTexts) {
  EXPECT_EQ(quantity("1"), quantity("1000m"));
  EXPECT_EQ(quantity("0.1"), quantity("100m"));
  EXPECT_EQ(quantity("1Gi"), quantity("1024Mi"));
  EXPECT_EQ(quantity("1e3"), quantity("1k"));
  EXPECT_EQ(quantity("1E"), quantity("1e18"));
  EXPECT_EQ(quantity("9223372036854775807"), quantity("9223372036854775807"));
  EXPECT_LT(quantity("1M"), quantity("1Mi"));
  EXPECT_LT(quantity("1n"), quantity("1u"));
  EXPECT_GT(quantity("+1.5"), quantity("1499m"));
}

TEST(QuantityTest, RefusesEverythingElse) {
  for (const char* text : {"", "-1", "1 ", " 1", "Mi", ".", "1.2.3", "1mi", "1e", "1e+", "1e999",
                           "0x10", "1KiB", "NaN", "inf", "1e--3", "1e31", "1e-2147483648"}) {
    EXPECT_FALSE(Quantity::parse(text)) << text;
  }
  EXPECT_FALSE(Quantity::parse(std::string(41, '1')));
}

TEST(Base64, FollowsTheTestVectorsOfRfc4648) {
  const std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : kVectors) {
    EXPECT_EQ(encodeBase64(plain), coded);
    EXPECT_EQ(decodeBase64(coded), plain);
  }
  EXPECT_EQ(encodeBase64(std::string("\xfb\xff\x00", 3)), "+/8A");
  EXPECT_EQ(decodeBase64("+/8A"), std::string("\xfb\xff\x00", 3));
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text :
       {"Z", "Zg=", "Zg", "Z===", "====", "Zm9v\n", "Zm9vZg==Zm9v", "Zh==", "Zm-_"}) {
    EXPECT_FALSE(decodeBase64(text)) << text;
  }
}

TEST(Json, RefusesWhatIsNoObject) {
  for (const char* text : {"", " ", "[]", "1", "null", "{", "{}}", "{} x", "{\"a\":}", "{\"a\" 1}",
                           "{\"a\":1e400}", "{\"a\":\"\xff\"}", "{'a':1}", "{\"a\":\"\\"}) {
    EXPECT_THROW(parseObject(text), std::invalid_argument) << text;
  }
  EXPECT_THROW(parseObject(std::string("{\"a\":\"\0\"}", 9)), std::invalid_argument);
}

TEST(Json, BoundsDepthAndValues) {
  const auto nested = [](int levels) {
    std::string text = "{\"a\":";
    for (int i = 1; i < levels; ++i) text += '[';
    for (int i = 1; i < levels; ++i) text += ']';
    return text + "}";
  };
  EXPECT_NO_THROW(parseObject(nested(64)));
  EXPECT_THROW(parseObject(nested(65)), std::invalid_argument);
  EXPECT_THROW(parseObject(nested(1'000'000)), std::invalid_argument);
  std::string many = "{\"a\":[1";
  for (int i = 0; i < 300'000; ++i) many += ",1";
  EXPECT_THROW(parseObject(many + "]}"), std::invalid_argument);
}

TEST(Json, ChecksTypesAndTakesNullForAbsent) {
  const JsonObject object = parseObject(
      R"({"n":null,"s":"x","i":5,"b":true,"o":{},"l":[1],"f":1.5,"big":18446744073709551615})");
  EXPECT_TRUE(objectMember(object, "n").isNull());
  EXPECT_TRUE(arrayMember(object, "absent").isNull());
  EXPECT_TRUE(objectMember(JsonObject(), "any").isNull());
  EXPECT_EQ(stringMember(object, "s"), "x");
  EXPECT_EQ(integerMember(object, "i"), 5);
  EXPECT_EQ(boolMember(object, "b"), true);
  EXPECT_EQ(quantityMember(object, "i"), "5");
  EXPECT_THROW(objectMember(object, "l"), std::invalid_argument);
  EXPECT_THROW(arrayMember(object, "o"), std::invalid_argument);
  EXPECT_THROW(stringMember(object, "i"), std::invalid_argument);
  EXPECT_THROW(boolMember(object, "i"), std::invalid_argument);
  EXPECT_THROW(integerMember(object, "b"), std::invalid_argument);
  EXPECT_THROW(integerMember(object, "f"), std::invalid_argument);
  EXPECT_THROW(integerMember(object, "big"), std::invalid_argument);
  EXPECT_THROW(quantityMember(object, "b"), std::invalid_argument);
  EXPECT_THROW(objectElement(arrayMember(object, "l"), 0, "l"), std::invalid_argument);
}

}  // namespace
}  // namespace dormouse::injector
