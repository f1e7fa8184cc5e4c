#include "wire/mirror_spec.h"

#include <gtest/gtest.h>

#include <sstream>

namespace dormouse::wire {
namespace {

using std::chrono::seconds;
using Query = std::vector<std::pair<std::string, std::string>>;

struct Refusal {
  const char* input;
  const char* key;
  const char* sentence;  // A part of it.
};

class PushRefused : public testing::TestWithParam<Refusal> {};

TEST_P(PushRefused, NamesTheKey) {
  try {
    parsePushSpec(GetParam().input);
    FAIL() << "taken: " << GetParam().input;
  } catch (const SpecError& error) {
    EXPECT_EQ(error.key(), GetParam().key) << GetParam().input;
    EXPECT_NE(std::string(error.what()).find(GetParam().sentence), std::string::npos)
        << GetParam().input << "\n"
        << error.what();
  }
}

#define T R"(,"to":"h:1"})"

INSTANTIATE_TEST_SUITE_P(
    Cases, PushRefused,
    testing::Values(
        Refusal{"", "", "empty"}, Refusal{"  \n", "", "empty"},
        Refusal{"[]", "", "beginning with {"}, Refusal{"null", "", "beginning with {"},
        Refusal{"{", "", "not complete"}, Refusal{R"({"to":"h:1","ports":[1]} x)", "", "after"},
        Refusal{R"({"to":"h:1","ports":[1]}{})", "", "after"},
        Refusal{R"({"to":"h:1","to":"h:2","ports":[1]})", "", "\"to\" stands twice"},
        Refusal{R"({"filter":{"source":["::1"],"source":["::1"]},"ports":[1])" T, "", "twice"},
        Refusal{R"({"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]})", "",
                "nested"},
        Refusal{R"({"ports":[1e400])" T, "", "valid JSON"},
        Refusal{R"({"ports":[1],)" T, "", "valid JSON"}, Refusal{R"({"ports":[1}])" T, "", "JSON"},
        Refusal{"{\"to\":\"\xff\xfe:1\",\"ports\":[1]}", "", "valid JSON"},
        Refusal{R"({"ports":[])" T, "ports", "at least one"},
        Refusal{R"({"to":"h:1"})", "ports", "at least one"},
        Refusal{R"({"ports":8080)" T, "ports", "array"},
        Refusal{R"({"ports":null)" T, "ports", "array"},
        Refusal{R"({"ports":["8080"])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[8080.0])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[8e3])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[true])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[null])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[[80]])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[{}])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[-1])" T, "ports", "whole numbers"},
        Refusal{R"({"ports":[0])" T, "ports", "0 is no port"},
        Refusal{R"({"ports":[65536])" T, "ports", "65536 is no port"},
        Refusal{R"({"ports":[4294967376])" T, "ports", "is no port"},
        Refusal{R"({"ports":[18446744073709551696])" T, "", "JSON"},
        Refusal{R"({"ports":[1],"protocol":"sctp")" T, "protocol", "sctp"},
        Refusal{R"({"ports":[1],"protocol":6)" T, "protocol", "string"},
        Refusal{R"({"ports":[1]})", "to", "HOST:PORT"},
        Refusal{R"({"ports":[1],"to":3000})", "to", "string"},
        Refusal{R"({"ports":[1],"to":""})", "to", "port"},
        Refusal{R"({"ports":[1],"to":"host"})", "to", "port"},
        Refusal{R"({"ports":[1],"to":"host:"})", "to", "port"},
        Refusal{R"({"ports":[1],"to":"host:0"})", "to", "port"},
        Refusal{R"({"ports":[1],"to":"host:65536"})", "to", "port"},
        Refusal{R"({"ports":[1],"to":"host:+80"})", "to", "port"},
        Refusal{R"({"ports":[1],"to":":80"})", "to", "host name"},
        Refusal{R"({"ports":[1],"to":"a b:80"})", "to", "host name"},
        Refusal{R"({"ports":[1],"to":"::1:80"})", "to", "[]"},
        Refusal{R"({"ports":[1],"to":"[::1:80"})", "to", "bracket"},
        Refusal{R"({"ports":[1],"to":"[10.0.0.1]:80"})", "to", "[]"},
        Refusal{R"({"ports":[1],"ttl":30)" T, "ttl", "string"},
        Refusal{R"({"ports":[1],"ttl":"0")" T, "ttl", "above zero"},
        Refusal{R"({"ports":[1],"ttl":"soon")" T, "ttl", "duration"},
        Refusal{R"({"ports":[1],"midstream":"tls")" T, "midstream", "raw"},
        Refusal{R"({"ports":[1],"filter":[])" T, "filter", "object"},
        Refusal{R"({"ports":[1],"filter":{"source":"10.0.0.0/8"})" T, "filter.source", "array"},
        Refusal{R"({"ports":[1],"filter":{"source":[]})" T, "filter.source", "at least one"},
        Refusal{R"({"ports":[1],"filter":{"source":[10]})" T, "filter.source", "string"},
        Refusal{R"({"ports":[1],"filter":{"source":["10.0.0.1/8"]})" T, "filter.source",
                "host bits"},
        Refusal{R"({"ports":[1],"filter":{"methods":"GET"})" T, "filter.methods", "array"},
        Refusal{R"({"ports":[1],"filter":{"methods":[]})" T, "filter.methods", "at least one"},
        Refusal{R"({"ports":[1],"filter":{"methods":["GET "]})" T, "filter.methods", "no method"},
        Refusal{R"({"ports":[1],"filter":{"path":1})" T, "filter.path", "string"},
        Refusal{R"({"ports":[1],"filter":{"path":""})" T, "filter.path", "regular"},
        Refusal{R"({"ports":[1],"filter":{"headers":[]})" T, "filter.headers", "object"},
        Refusal{R"({"ports":[1],"filter":{"headers":{}})" T, "filter.headers", "at least one"},
        Refusal{R"({"ports":[1],"filter":{"headers":{"a b":"x"}})" T, "filter.headers", "name"},
        Refusal{R"({"ports":[1],"filter":{"headers":{"a":1}})" T, "filter.headers", "string"},
        Refusal{R"({"ports":[1],"filter":{"headers":{"a":["b",1]}})" T, "filter.headers", "string"},
        Refusal{R"({"ports":[1],"filter":{"headers":{"a":[]}})" T, "filter.headers", "one pattern"},
        Refusal{R"({"ports":[1],"filter":{"probes":1})" T, "filter.probes", "true or false"},
        Refusal{R"({"ports":[1],"filter":{"sources":[]})" T, "filter.sources", "unknown key"},
        Refusal{R"({"ports":[1],"sample":10)" T, "sample", "object"},
        Refusal{R"({"ports":[1],"sample":{})" T, "sample.percent", "share"},
        Refusal{R"({"ports":[1],"sample":{"percent":0})" T, "sample.percent", "above 0"},
        Refusal{R"({"ports":[1],"sample":{"percent":100.1})" T, "sample.percent", "100"},
        Refusal{R"({"ports":[1],"sample":{"percent":-1})" T, "sample.percent", "above 0"},
        Refusal{R"({"ports":[1],"sample":{"percent":"5"})" T, "sample.percent", "number"},
        Refusal{R"({"ports":[1],"sample":{"percent":true})" T, "sample.percent", "number"},
        Refusal{R"({"ports":[1],"sample":{"by":"trace"})" T, "sample.percent", "share"},
        Refusal{R"({"ports":[1],"sample":{"percent":5,"by":"ip"})" T, "sample.by", "cookie:NAME"},
        Refusal{R"({"ports":[1],"sample":{"percent":5,"by":"header:"})" T, "sample.by", "NAME"},
        Refusal{R"({"ports":[1],"sample":{"percent":5,"of":1})" T, "sample.of", "unknown key"},
        Refusal{R"({"ports":[1],"rate":0)" T, "rate", "from 1"},
        Refusal{R"({"ports":[1],"rate":1000001)" T, "rate", "1000000"},
        Refusal{R"({"ports":[1],"rate":1.5)" T, "rate", "whole"},
        Refusal{R"({"ports":[1],"rate":1,"protocol":"udp")" T, "protocol", "tcp alone"},
        Refusal{R"({"ports":[1],"rate":1,"midstream":"raw")" T, "midstream", "raw"},
        Refusal{R"({"ports":[1],"redact":"cookie")" T, "redact", "array"},
        Refusal{R"({"ports":[1],"redact":[])" T, "redact", "at least one"},
        Refusal{R"({"ports":[1],"redact":[1])" T, "redact", "string"},
        Refusal{R"({"ports":[1],"redact":["a b"])" T, "redact", "header's name"},
        Refusal{R"({"ports":[1],"redact":["Content-Length"])" T, "redact", "no secret"},
        Refusal{R"({"ports":[1],"redact":["transfer-encoding"])" T, "redact", "no secret"},
        Refusal{R"({"ports":[1],"redact":["cookie:"])" T, "redact", "cookie's name"},
        Refusal{R"({"ports":[1],"redact":["json:password"])" T, "redact", "begins with $"},
        Refusal{R"({"ports":[1],"redact":["json:$.a,b"])" T, "redact", "begins with . or ["},
        Refusal{R"({"ports":[1],"redact":["JSON:$.a"])" T, "redact", "header's name"},
        Refusal{R"({"ports":[1],"mark":1)" T, "mark", "true or false"},
        Refusal{R"({"ports":[1],"mark":true,"protocol":"udp")" T, "protocol", "tcp alone"},
        Refusal{R"({"ports":[1],"mark":true,"midstream":"raw")" T, "midstream", "raw"},
        Refusal{R"({"ports":[1],"responses":true)" T, "responses", "GET /v1/stream"},
        Refusal{R"({"ports":[1],"h2":"frames")" T, "h2", "raw"},
        Refusal{R"({"ports":[1],"h2":true)" T, "h2", "string"},
        Refusal{R"({"ports":[1],"rate":1,"h2":"raw")" T, "h2", "no requests"},
        Refusal{R"({"ports":[1],"Ports":[1])" T, "Ports", "unknown key"},
        Refusal{R"({"ports":[1],"format":"pcap")" T, "format", "unknown key"}));
#undef T

TEST(PushSpec, TakesEverythingThisVersionKnows) {
  const MirrorSpec spec = parsePushSpec(R"( {"ports":[9090,8080,9090],"protocol":"udp",
      "to":"[2001:db8::7]:3000","ttl":"1h30m","midstream":"raw","h2":"raw",
      "filter":{"source":["10.0.0.0/8","::1"]}}
  )");
  EXPECT_EQ(spec.ports, (std::vector<std::uint16_t>{8080, 9090}));
  EXPECT_EQ(spec.protocol, Protocol::kUdp);
  EXPECT_EQ(spec.to, "[2001:db8::7]:3000");
  EXPECT_EQ(spec.ttl, seconds(5400));
  EXPECT_EQ(spec.midstream, Midstream::kRaw);
  EXPECT_EQ(spec.http2, Http2::kRaw);
  ASSERT_EQ(spec.sources.size(), 2U);
  EXPECT_EQ(spec.sources[0].toString(), "10.0.0.0/8");
}

struct QueryRefusal {
  Query query;
  const char* key;
  const char* sentence;
};

class StreamRefused : public testing::TestWithParam<QueryRefusal> {};

TEST_P(StreamRefused, NamesTheKey) {
  try {
    parseStreamSpec(GetParam().query);
    FAIL() << "taken";
  } catch (const SpecError& error) {
    EXPECT_EQ(error.key(), GetParam().key);
    EXPECT_NE(std::string(error.what()).find(GetParam().sentence), std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, StreamRefused,
    testing::Values(
        QueryRefusal{{}, "port", "at least one"}, QueryRefusal{{{"port", ""}}, "port", "whole"},
        QueryRefusal{{{"port", "80,"}}, "port", "whole"},
        QueryRefusal{{{"port", "0"}}, "port", "0 is no port"},
        QueryRefusal{{{"port", "65536"}}, "port", "is no port"},
        QueryRefusal{{{"port", "99999999999999999999"}}, "port", "whole"},
        QueryRefusal{{{"port", "80.0"}}, "port", "whole"},
        QueryRefusal{{{"port", " 80"}}, "port", "whole"},
        QueryRefusal{{{"port", "-1"}}, "port", "whole"},
        QueryRefusal{{{"port", "1"}, {"protocol", "TCP"}}, "protocol", "tcp"},
        QueryRefusal{{{"port", "1"}, {"protocol", "tcp,udp"}}, "protocol", "tcp"},
        QueryRefusal{
            {{"port", "1"}, {"protocol", "tcp"}, {"protocol", "udp"}}, "protocol", "twice"},
        QueryRefusal{{{"port", "1"}, {"source", ""}}, "source", "network"},
        QueryRefusal{{{"port", "1"}, {"source", "10.0.0.0/33"}}, "source", "network"},
        QueryRefusal{{{"port", "1"}, {"ttl", "-1s"}}, "ttl", "duration"},
        QueryRefusal{{{"port", "1"}, {"ttl", "1s"}, {"ttl", "1s"}}, "ttl", "twice"},
        QueryRefusal{{{"port", "1"}, {"midstream", ""}}, "midstream", "raw"},
        QueryRefusal{{{"port", "1"}, {"h2", "yes"}}, "h2", "requests"},
        QueryRefusal{{{"port", "1"}, {"format", "ndjson"}, {"h2", "raw"}}, "h2", "no requests"},
        QueryRefusal{{{"port", "1"}, {"method", "GET,"}}, "method", "no method"},
        QueryRefusal{{{"port", "1"}, {"path", "a"}, {"path", "b"}}, "path", "twice"},
        QueryRefusal{{{"port", "1"}, {"path", std::string(1025, 'a')}}, "path", "1024"},
        QueryRefusal{{{"port", "1"}, {"header", "x"}}, "header", "NAME:"},
        QueryRefusal{{{"port", "1"}, {"header", "x:"}}, "header", "regular"},
        QueryRefusal{{{"port", "1"}, {"probes", "yes"}}, "probes", "true or false"},
        QueryRefusal{{{"port", "1"}, {"percent", "nan"}}, "percent", "100"},
        QueryRefusal{{{"port", "1"}, {"percent", "5%"}}, "percent", "number"},
        QueryRefusal{{{"port", "1"}, {"by", "trace"}}, "by", "without percent"},
        QueryRefusal{{{"port", "1"}, {"rate", "-1"}}, "rate", "number"},
        QueryRefusal{{{"port", "1"}, {"redact", "cookie,"}}, "redact", "header's name"},
        QueryRefusal{{{"port", "1"}, {"redact", "json:$"}}, "redact", "names a member"},
        QueryRefusal{{{"port", "1"}, {"mark", "yes"}}, "mark", "true or false"},
        QueryRefusal{{{"port", "1"}, {"mark", "true"}, {"mark", "true"}}, "mark", "twice"},
        QueryRefusal{{{"port", "1"}, {"mark", "true"}, {"format", "pcap"}}, "format", "packets"},
        QueryRefusal{{{"port", "1"}, {"format", "pcap"}, {"path", "a"}}, "format", "packets"},
        QueryRefusal{
            {{"port", "1"}, {"format", "ndjson"}, {"protocol", "udp"}}, "protocol", "tcp alone"},
        QueryRefusal{{{"port", "1"}, {"format", "http"}, {"midstream", "raw"}}, "midstream", "raw"},
        QueryRefusal{{{"port", "1"}, {"format", "xml"}}, "format", "frames"},
        QueryRefusal{{{"port", "1"}, {"to", "h:1"}}, "to", "POST"},
        QueryRefusal{{{"port", "1"}, {"ports", "1"}}, "ports", "unknown key"},
        QueryRefusal{{{"port", "1"}, {"", ""}}, "", "unknown key"},
        QueryRefusal{{{"port", "1"}, {"a\nb", ""}}, "a?b", "unknown key"}));

TEST(StreamSpec, AtMost64PortsAndNetworks) {
  Query ports;
  for (int i = 1; i <= 64; ++i) ports.emplace_back("port", std::to_string(i));
  Query sources = {{"port", "1"}};
  for (int i = 0; i < 64; ++i) sources.emplace_back("source", "10.0.0." + std::to_string(i));
  EXPECT_EQ(parseStreamSpec(ports).ports.size(), 64U);
  EXPECT_EQ(parseStreamSpec(sources).sources.size(), 64U);
  ports.emplace_back("port", "65");
  sources.emplace_back("source", "10.0.1.0");
  EXPECT_THROW(parseStreamSpec(ports), SpecError);
  EXPECT_THROW(parseStreamSpec(sources), SpecError);
}

// What a server makes of a query: percent-decoded pairs, '+' read as a space.
Query decodeQuery(const std::string& text) {
  Query query;
  std::string* into = nullptr;
  query.emplace_back();
  into = &query.back().first;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '&') {
      query.emplace_back();
      into = &query.back().first;
    } else if (text[i] == '=') {
      into = &query.back().second;
    } else if (text[i] == '%') {
      *into += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      *into += text[i] == '+' ? ' ' : text[i];
    }
  }
  return query;
}

TEST(StreamSpec, TheQueryIsTheInverse) {
  MirrorSpec spec;
  spec.ports = {80, 443, 8080};
  spec.protocol = Protocol::kUdp;
  spec.format = Format::kPcap;
  spec.ttl = seconds(3661);
  spec.midstream = Midstream::kRaw;
  spec.http2 = Http2::kRaw;
  spec.sources = {*Network::parse("10.0.0.0/8"), *Network::parse("2001:db8::/32")};
  const MirrorSpec back = parseStreamSpec(decodeQuery(toQuery(spec)));
  EXPECT_EQ(back.ports, spec.ports);
  EXPECT_EQ(back.protocol, spec.protocol);
  EXPECT_EQ(back.format, spec.format);
  EXPECT_EQ(back.ttl, spec.ttl);
  EXPECT_EQ(back.midstream, spec.midstream);
  EXPECT_EQ(back.http2, spec.http2);
  EXPECT_EQ(back.sources, spec.sources);
  EXPECT_EQ(toQuery(spec).find_first_of("/:,+ "), std::string::npos) << toQuery(spec);
}

TEST(StreamSpec, TheQueryOfASelectionIsTheInverse) {
  MirrorSpec spec;
  spec.ports = {80};
  spec.format = Format::kNdjson;
  spec.requests.methods = {"POST", "safe"};
  spec.requests.path = "^/a,b&c=(d|e)+ %";
  spec.requests.headers = {{"x-user", "^a:b$"}, {"accept", "json"}};
  spec.requests.probes = true;
  spec.requests.percent = 0.1;
  spec.requests.by = "header:x-session";
  spec.requests.rate = 100;
  spec.redact = {"cookie", "json:$['a:b'].c", "cookie:sid"};
  spec.mark = true;
  const MirrorSpec back = parseStreamSpec(decodeQuery(toQuery(spec)));
  EXPECT_EQ(back.requests, spec.requests);
  EXPECT_EQ(back.redact, spec.redact);
  EXPECT_TRUE(back.mark);
  EXPECT_EQ(back.format, spec.format);
}

TEST(PushSpec, SelectsRequests) {
  const MirrorSpec spec = parsePushSpec(R"({"ports":[80],"to":"h:1","filter":{"methods":["POST"],
      "path":"^/api/","headers":{"x-user":"^ana$"},"probes":false},
      "sample":{"percent":10,"by":"cookie:sid"},"rate":100})");
  EXPECT_EQ(spec.requests.methods, std::vector<std::string>{"POST"});
  EXPECT_EQ(spec.requests.path, "^/api/");
  ASSERT_EQ(spec.requests.headers.size(), 1U);
  EXPECT_EQ(spec.requests.headers[0].name, "x-user");
  EXPECT_EQ(spec.requests.headers[0].pattern, "^ana$");
  EXPECT_EQ(spec.requests.probes, false);
  EXPECT_EQ(spec.requests.percent, 10);
  EXPECT_EQ(spec.requests.by, "cookie:sid");
  EXPECT_EQ(spec.requests.rate, 100U);
  EXPECT_TRUE(spec.ofRequests());
  EXPECT_FALSE(parsePushSpec(R"({"ports":[80],"to":"h:1"})").ofRequests());
  EXPECT_FALSE(parseStreamSpec({{"port", "1"}}).ofRequests());
  EXPECT_TRUE(parseStreamSpec({{"port", "1"}, {"format", "http"}}).ofRequests());
}

TEST(PushSpec, EveryRuleOfARepeatedHeaderIsKeptAndWritten) {
  MirrorSpec spec;
  spec.requests.headers = {{"accept", "json"}, {"x-user", "^a"}, {"x-user", "b$"}};
  std::ostringstream text;
  selectionToJson(spec)->stringify(text);
  EXPECT_EQ(text.str(), R"({"filter":{"headers":{"accept":"json","x-user":["^a","b$"]}}})");
  const MirrorSpec back = parsePushSpec(R"({"ports":[80],"to":"h:1",)" + text.str().substr(1));
  EXPECT_EQ(back.requests, spec.requests);
}

std::string selectionOf(const MirrorSpec& spec) {
  std::ostringstream text;
  selectionToJson(spec)->stringify(text);
  return text.str();
}

TEST(PushSpec, HidesAndMarks) {
  const MirrorSpec spec = parsePushSpec(R"({"ports":[80],"to":"h:1","mark":true,
      "redact":["Authorization","cookie:SID","json:$.a","authorization"]})");
  EXPECT_EQ(spec.redact, (std::vector<std::string>{"authorization", "cookie:SID", "json:$.a"}));
  EXPECT_TRUE(spec.mark);
  EXPECT_TRUE(spec.ofRequests());
  EXPECT_EQ(selectionOf(spec),
            R"({"redact":["authorization","cookie:SID","json:$.a"],"mark":true})");
  EXPECT_TRUE(parsePushSpec(R"({"ports":[80],"to":"h:1","redact":["a"]})").ofRequests());
  EXPECT_FALSE(parsePushSpec(R"({"ports":[80],"to":"h:1","mark":false})").ofRequests());
}

// What redaction forbids is for the agent to say, with the administrator's demands.
TEST(StreamSpec, RedactionBesideWhatItForbidsCanBeRead) {
  for (const auto& [key, value] :
       Query{{"format", "pcap"}, {"protocol", "udp"}, {"midstream", "raw"}}) {
    EXPECT_EQ(parseStreamSpec({{"port", "1"}, {"redact", "a,b"}, {key, value}, {"redact", "c"}})
                  .redact.size(),
              3U);
  }
}

TEST(Selection, ShowsTheCeilingOfAMirrorOfConnections) {
  MirrorSpec spec = parseStreamSpec({{"port", "1"}});
  spec.ceilingPercent = 25;
  EXPECT_EQ(selectionOf(spec), R"({"sample":{"percent":25,"of":"connections"}})");
  spec.requests.percent = 5;
  EXPECT_EQ(selectionOf(spec), R"({"sample":{"percent":5}})");
}

seconds ttlOf(const std::string& text) {
  return parseStreamSpec({{"port", "1"}, {"ttl", text}}).ttl;
}

TEST(Ttl, IsADurationOrABareNumberOfSeconds) {
  const std::vector<std::pair<const char*, int>> pairs = {
      {"90s", 90},    {"30m", 1800}, {"8h", 28800},   {"1h30m", 5400},
      {"1h1s", 3601}, {"45", 45},    {"1s2000ms", 3}, {"8784h", 366 * 24 * 3600}};
  for (const auto& [text, count] : pairs) EXPECT_EQ(ttlOf(text), seconds(count)) << text;
}

TEST(Ttl, RefusesEverythingElse) {
  for (const char* text :
       {"", "s", "1d", "1h30", "1m1h", "1s1s", "1.5h", "-1s", "+1s", " 1s", "1s ", "1H", "1500ms",
        "99999999999999999999s", "99999999999999999999", "18446744073709551615h", "8785h"}) {
    EXPECT_THROW(ttlOf(text), SpecError) << text;
  }
  EXPECT_THROW(ttlOf(std::string("1s\0", 3)), SpecError);
}

}  // namespace
}  // namespace dormouse::wire
