#include "wire/mirror_spec.h"

#include <gtest/gtest.h>

#include "wire/frames.h"
#include "wire/ledger.h"
#include "wire/strict_json.h"

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
        Refusal{R"({"ports":[1],"filter":{"methods":["GET"]})" T, "filter.methods", "this version"},
        Refusal{R"({"ports":[1],"filter":{"path":"^/"})" T, "filter.path", "this version"},
        Refusal{R"({"ports":[1],"filter":{"headers":{}})" T, "filter.headers", "this version"},
        Refusal{R"({"ports":[1],"filter":{"probes":true})" T, "filter.probes", "this version"},
        Refusal{R"({"ports":[1],"filter":{"sources":[]})" T, "\"filter.sources\"", "unknown key"},
        Refusal{R"({"ports":[1],"sample":{})" T, "sample", "this version"},
        Refusal{R"({"ports":[1],"rate":1)" T, "rate", "this version"},
        Refusal{R"({"ports":[1],"redact":[])" T, "redact", "this version"},
        Refusal{R"({"ports":[1],"mark":true)" T, "mark", "this version"},
        Refusal{R"({"ports":[1],"h2":"requests")" T, "h2", "this version"},
        Refusal{R"({"ports":[1],"responses":true)" T, "responses", "this version"},
        Refusal{R"({"ports":[1],"Ports":[1])" T, "\"Ports\"", "unknown key"},
        Refusal{R"({"ports":[1],"format":"pcap")" T, "\"format\"", "unknown key"}));
#undef T

TEST(PushSpec, TakesEverythingThisVersionKnows) {
  const MirrorSpec spec = parsePushSpec(R"( {"ports":[9090,8080,9090],"protocol":"udp",
      "to":"[2001:db8::7]:3000","ttl":"1h30m","midstream":"raw",
      "filter":{"source":["10.0.0.0/8","::1"]}}
  )");
  EXPECT_EQ(spec.ports, (std::vector<std::uint16_t>{8080, 9090}));
  EXPECT_EQ(spec.protocol, Protocol::kUdp);
  EXPECT_EQ(spec.to, "[2001:db8::7]:3000");
  EXPECT_EQ(spec.ttl, seconds(5400));
  EXPECT_EQ(spec.midstream, Midstream::kRaw);
  ASSERT_EQ(spec.sources.size(), 2U);
  EXPECT_EQ(spec.sources[0].toString(), "10.0.0.0/8");
}

}  // namespace
}  // namespace dormouse::wire
