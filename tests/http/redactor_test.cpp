// What is hidden: fields, cookies, JSON members; and which bodies may be passed.
#include "http/redactor.h"

#include <gtest/gtest.h>

namespace dormouse::http {
namespace {

using namespace std::string_literals;
using Body = Redactor::Body;

Redactor hiding(std::vector<std::string> headers, std::vector<std::string> cookies = {},
                const std::vector<std::string>& paths = {}) {
  RedactionRules rules{std::move(headers), std::move(cookies), {}};
  for (const std::string& path : paths) rules.members.push_back(parseMemberPath(path));
  return Redactor(std::move(rules));
}

TEST(Redactor, ReplacesNamedFieldsWhateverTheirSpelling) {
  const Redactor redactor = hiding({"authorization", "x-key"});
  for (const char* name : {"authorization", "Authorization", "AUTHORIZATION", "X-KEY"}) {
    EXPECT_EQ(redactor.value({name, "secret"}), "redacted") << name;
  }
  EXPECT_EQ(redactor.value({"x-key", ""}), "redacted") << "that it was empty is nobody's business";
  for (const char* name : {"proxy-authorization", "x-key2", "x-ke", "cookie"}) {
    EXPECT_EQ(redactor.value({name, "public"}), std::nullopt) << name;
  }
}

std::string cookies(const std::string& value) {
  return hiding({}, {"session", "id"}).value({"Cookie", value}).value_or("as it was");
}

TEST(Redactor, ReplacesNamedCookies) {
  EXPECT_EQ(cookies("a=1; session=secret; b=2"), "a=1; session=redacted; b=2");
  EXPECT_EQ(cookies("session=s; session=t;id=u"), "session=redacted; session=redacted;id=redacted");
  EXPECT_EQ(cookies("SESSION = s"), "SESSION =redacted");
  EXPECT_EQ(cookies("session="), "session=redacted");
  EXPECT_EQ(cookies("session=a=b==; x=y"), "session=redacted; x=y");
  EXPECT_EQ(cookies("a=1; sessions=x; nosession=y; session"), "as it was");
  EXPECT_EQ(cookies(""), "as it was");
  EXPECT_EQ(hiding({}, {"session"}).value({"Set-Cookie", "session=s; Path=/"}),
            "session=redacted; Path=/");
  EXPECT_EQ(hiding({}, {"session"}).value({"X-Cookie", "session=s"}), std::nullopt);
}

// What servers read differently is hidden in each reading.
TEST(Redactor, ReplacesCookiesInEveryReading) {
  EXPECT_EQ(cookies(R"(session="se;cr\";et"; b=2)"), "session=redacted; b=2");
  EXPECT_EQ(cookies(R"(session= "se;cret; b=2)"), "session=redacted");
  EXPECT_EQ(cookies(R"(session="se\)"), "session=redacted");
  EXPECT_EQ(cookies(R"(a="x; session=secret"; b=2)"), R"(a="x; session=redacted; b=2)");
  EXPECT_EQ(cookies("a=1, session=secret"), "a=1, session=redacted");
  EXPECT_EQ(cookies("a=session=secret"), "a=session=redacted");
  EXPECT_EQ(cookies("a=b session=secret; c=d"), "a=b session=redacted; c=d");
  EXPECT_EQ(cookies("a=b\tsession=secret"), "a=b\tsession=redacted");
}

/// What becomes of several fields, each on a line.
std::string section(const Redactor& redactor, const std::vector<HeaderField>& fields) {
  Redactor::Section section(&redactor);
  std::string text;
  for (const HeaderField& field : fields) {
    text += section.value(field).value_or(std::string(field.value)) + "\n";
  }
  return text;
}

// Several Cookie fields may be one for the server.
TEST(Redactor, ReplacesACookieWhoseQuoteGoesOnInTheNextField) {
  const Redactor redactor = hiding({}, {"session"});
  EXPECT_EQ(section(redactor, {{"cookie", "a=1; session=\"se"},
                               {"X", "seen"},
                               {"Cookie", "cret; session=more"},
                               {"cookie", "end\"; b=2"},
                               {"Set-Cookie", "b=2"}}),
            "a=1; session=redacted\nseen\nredacted\nredacted\nb=2\n");
  EXPECT_EQ(section(redactor, {{"cookie", R"(session="se\)"}, {"cookie", "\"cret\""}}),
            "session=redacted\nredacted\n");
  EXPECT_EQ(
      section(redactor, {{"cookie", R"(a="x)"}, {"cookie", R"(session=1)"}, {"cookie", "y\""}}),
      "a=\"x\nsession=redacted\ny\"\n");
  EXPECT_EQ(section(redactor, {{"cookie", R"(session="secret")"}, {"cookie", "theme=dark"}}),
            "session=redacted\ntheme=dark\n");
  EXPECT_EQ(section(redactor, {{"set-cookie", R"(session="secret)"}, {"cookie", "theme=dark"}}),
            "session=redacted\ntheme=dark\n")
      << "each of these stands for itself";
}

TEST(Redactor, KnowsTheDigestsOfABody) {
  for (const char* name : {"Content-Digest", "repr-digest", "DIGEST", "Content-MD5"}) {
    EXPECT_TRUE(isBodyDigest(name)) << name;
  }
  for (const char* name : {"want-content-digest", "etag", "signature", "signature-input", "dige"}) {
    EXPECT_FALSE(isBodyDigest(name)) << name;
  }
}

std::string json(const std::vector<std::string>& paths, std::string_view text) {
  return hiding({}, {}, paths).json(text).value_or("refused");
}

TEST(JsonRedaction, KeepsEverythingElseByteForByte) {
  EXPECT_EQ(json({"$.password"}, "{ \"a\" : 1.50e+3,\n\t\"password\":\"s\\\"ecret\" , \"b\":[ ] }"),
            "{ \"a\" : 1.50e+3,\n\t\"password\":\"redacted\" , \"b\":[ ] }");
  EXPECT_EQ(json({"$.x"}, " [1, 2] "), " [1, 2] ");
  EXPECT_EQ(json({"$.x"}, "\"text\""), "\"text\"");
}

TEST(JsonRedaction, ReplacesByTheTypeOfTheValue) {
  EXPECT_EQ(json({"$.*"},
                 R"({"s":"x","n":-12.5e3,"t":true,"f":false,"z":null,"o":{"s":"x"},"a":[1,[2]]})"),
            R"({"s":"redacted","n":0,"t":false,"f":false,"z":null,"o":{},"a":[]})");
}

TEST(JsonRedaction, FindsEachPlaceThatIsMeant) {
  EXPECT_EQ(json({"$.items[*].card"}, R"({"items":[{"card":"1","x":2},3,{"card":"4"}]})"),
            R"({"items":[{"card":"redacted","x":2},3,{"card":"redacted"}]})");
  EXPECT_EQ(json({"$..k"}, R"([{"k":{"k":1}},{"x":[{"k":[1]}]}])"),
            R"([{"k":{}},{"x":[{"k":[]}]}])");
  EXPECT_EQ(json({"$.a", "$.a.b", "$[1]"}, R"({"a":{"b":1},"a":2})"), R"({"a":{},"a":0})")
      << "what stands twice is hidden twice";
  EXPECT_EQ(json({"$[1]"}, R"([1,[2,3],4])"), R"([1,[],4])");
}

TEST(JsonRedaction, ReadsNamesAsAServerWould) {
  EXPECT_EQ(json({"$.password"}, R"({"p\u0061ssword":"x"})"), R"({"p\u0061ssword":"redacted"})");
  EXPECT_EQ(json({"$.password"}, R"({"PassWord":"x"})"), R"({"PassWord":"redacted"})");
  EXPECT_EQ(json({"$['a\"b']"}, R"({"a\"b":"x"})"), R"({"a\"b":"redacted"})");
  EXPECT_EQ(json({"$.grüß"}, "{\"grüß\":1}"), "{\"grüß\":0}");
}

TEST(JsonRedaction, RefusesWhatIsNotExactlyOneText) {
  for (const std::string& text :
       {""s, " "s, "{"s, "{}{}"s, "{} x"s, "{\"a\":1,}"s, "{'a':1}"s, "{a:1}"s, "[1 2]"s, "NaN"s,
        "{\"a\":01}"s, "// x\n{}"s, "\xef\xbb\xbf{}"s, "{\"a\":\"\xff\"}"s, "{}\0{}"s,
        "{\"a\":\"\\ud800\"}"s, "{\"a\":\"\n\"}"s, "{\"a\":1\0}"s, "\0"s}) {
    EXPECT_EQ(json({"$.password"}, text), "refused") << text;
  }
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(json({"$.x"}, nested(JsonRedactor::kMaxDepth)), nested(JsonRedactor::kMaxDepth));
  EXPECT_EQ(json({"$.x"}, nested(JsonRedactor::kMaxDepth + 1)), "refused");
  EXPECT_EQ(json({"$.x"}, nested(30'000)), "refused");
  EXPECT_EQ(json({"$.x"}, "{\"a\":1e999}"), "refused") << "no number for anybody";
  const std::string exact = "{\"a\":0." + std::string(400, '3') + ",\"b\":12345678901234567890123}";
  EXPECT_EQ(json({"$.x"}, exact), exact) << "numbers are not converted";
}

Body judge(const std::vector<HeaderField>& fields, std::string_view begin, bool whole = false) {
  return hiding({}, {}, {"$.a"}).judge(fields, begin, whole);
}

TEST(Redactor, KnowsABodyByItsTypeOrByHowItBegins) {
  EXPECT_EQ(judge({{"Content-Type", "application/problem+JSON; charset=utf-8"}}, ""), Body::kJson);
  EXPECT_EQ(judge({{"content-type", "text/plain"}, {"content-type", "text/json"}}, "x"),
            Body::kJson);
  EXPECT_EQ(judge({{"Content-Type", "text/plain"}}, " \r\n\t{"), Body::kJson);
  EXPECT_EQ(judge({}, "[1,"), Body::kJson);
  EXPECT_EQ(judge({}, "\xef\xbb\xbf {"), Body::kJson);
  EXPECT_EQ(judge({}, "a=1"), Body::kPlain);
  EXPECT_EQ(judge({}, "\xff\xd8\xff"), Body::kPlain) << "a picture";
  EXPECT_EQ(judge({}, "   "), Body::kUndecided);
  EXPECT_EQ(judge({}, "\xef\xbb"), Body::kUndecided);
  EXPECT_EQ(judge({}, "   ", true), Body::kPlain);
  JsonStart start;
  EXPECT_EQ(Redactor::judgeNext(start, " \n"), Body::kUndecided);
  EXPECT_EQ(Redactor::judgeNext(start, "\n["), Body::kJson);
  EXPECT_EQ(judge({}, "a", true), Body::kPlain);
  EXPECT_EQ(judge({}, "{", true), Body::kJson);
  EXPECT_EQ(hiding({"a"}).judge({}, "{}", true), Body::kPlain) << "no member is hidden";
}

TEST(Redactor, DoesNotPassACharsetInWhichOtherBytesCouldBeJson) {
  for (const char* type :
       {"text/plain; charset=utf-7", "application/json; Charset=\"UTF-7\"", "text/x;charset=ibm037",
        "text/plain; charset=utf-8; charset = utf-7", "text/plain; charset="}) {
    EXPECT_EQ(judge({{"Content-Type", type}}, "+AHs-"), Body::kOpaque) << type;
  }
  for (const char* type : {"text/plain; charset=UTF-8", "text/plain;charset=\"us-ascii\"",
                           "text/x; charset=ISO-8859-15", "text/plain; charset=utf-16",
                           "text/plain; charset=windows-1252; x=y"}) {
    EXPECT_EQ(judge({{"Content-Type", type}}, "a=1"), Body::kPlain) << type;
  }
}

TEST(Redactor, DoesNotPassWhatItCannotRead) {
  EXPECT_EQ(judge({{"Content-Encoding", "gzip"}}, "abc"), Body::kOpaque);
  EXPECT_EQ(judge({{"Content-Encoding", "identity"}, {"content-encoding", "br"}}, "abc"),
            Body::kOpaque);
  EXPECT_EQ(judge({{"Content-Encoding", "Identity"}}, "abc"), Body::kPlain);
  for (const std::string& begin : {"\xfe\xff\0{"s, "\xff\xfe{\0"s, "\0{\0\""s, "\0[\0"s}) {
    EXPECT_EQ(judge({}, begin), Body::kOpaque);
  }
  EXPECT_EQ(judge({}, " \0\n\0{\0"s), Body::kOpaque) << "UTF-16 behind blanks";
  EXPECT_EQ(judge({}, "\0\0\0{\0\0"s), Body::kOpaque) << "UTF-32";
  const Redactor redactor = hiding({}, {}, {"$.a"});
  const std::vector<HeaderField> typed = {{"Content-Type", "application/json"}};
  EXPECT_EQ(redactor.body(typed, R"({"a":1,"b":2})"), R"({"a":0,"b":2})");
  EXPECT_EQ(redactor.body(typed, R"({"a":1,)"), std::nullopt);
  EXPECT_EQ(redactor.body({}, "a=1"), "a=1");
  EXPECT_EQ(redactor.body(typed, ""), "");
}

}  // namespace
}  // namespace dormouse::http
