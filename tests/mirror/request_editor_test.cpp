// What a mirror with redaction or a mark hands to its sink, and how it counts what it leaves out.
#include "mirror/request_editor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mirror/flow_mirror.h"
#include "mirror/redactions.h"
#include "tests/http/wide_text.h"
#include "tests/mirror/fake_sink.h"
#include "tests/support/packets.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::endpoint;
using dormouse::testing::FakeSink;
using dormouse::testing::Segment;
using dormouse::testing::TcpClient;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kMaxBody = 1000;

class RequestEditorTest : public ::testing::Test {
 protected:
  void start(std::vector<std::string> redact, const std::string& mark = {}) {
    MirrorIdentity identity;
    identity.id = "m-1";
    identity.spec.ports = {8080};
    identity.spec.redact = std::move(redact);
    identity.spec.mark = !mark.empty();
    http::Redactor redactor(Redactions(identity.spec.redact).rules());
    mirror_ = std::make_unique<FlowMirror>(identity, capture::LinkType::kRaw, table_, 3, own_,
                                           headStart_, [&](SinkListener& listener) {
                                             return std::make_unique<RequestEditor>(
                                                 std::move(redactor), EditorOptions{mark, kMaxBody},
                                                 listener, [this](SinkListener& inner) {
                                                   auto sink = std::make_unique<FakeSink>(inner);
                                                   sink_ = sink.get();
                                                   return sink;
                                                 });
                                           });
  }

  void feed(const Segment& segment) {
    const std::vector<std::uint8_t> bytes = dormouse::testing::ipBytes(segment);
    mirror_->beginBatch(clock_.now());
    mirror_->onPacket({segment.timestamp, bytes, static_cast<std::uint32_t>(bytes.size())});
    expectBalance();
  }
  void flush() {
    mirror_->flush(clock_.now());
    expectBalance();
  }
  void expectBalance() {
    const wire::Ledger now = ledger();
    EXPECT_TRUE(now.connections.balances());
    EXPECT_TRUE(now.requests.balances());
  }
  wire::Ledger ledger() const { return mirror_->report().ledger; }
  std::uint64_t skipped(Reason reason) const { return ledger().requests.skippedFor(reason); }

  /// One connection whose segments have `step` bytes; what the sink has got of it.
  std::string send(const std::string& text, std::size_t step) {
    TcpClient client;
    client.client = endpoint("10.1.0.1", ++port_);
    feed(client.syn());
    for (std::size_t at = 0; at < text.size(); at += step) {
      feed(client.data(static_cast<std::uint32_t>(at), text.substr(at, step)));
    }
    feed(client.fin(static_cast<std::uint32_t>(text.size())));
    flush();
    const std::size_t before = sink_->all.size();
    sink_->settleClosed();
    flush();
    return sink_->all.size() > before ? sink_->all.back().bytes : "";
  }
  /// The same for any segmentation.
  std::string sendAnyhow(const std::string& text) {
    std::string whole = send(text, text.size());
    for (const std::size_t step : {1U, 2U, 3U, 7U, 64U}) EXPECT_EQ(send(text, step), whole) << step;
    return whole;
  }

  ManualClock clock_;
  reassembly::FlowTable table_{reassembly::Limits{}};
  OwnSockets own_{clock_};
  http::HeadStart headStart_;
  FakeSink* sink_ = nullptr;
  std::unique_ptr<FlowMirror> mirror_;
  std::uint16_t port_ = 1000;
};

std::string post(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string chunked(const std::string& fields, const std::string& chunks) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n" + chunks;
}

TEST_F(RequestEditorTest, HidesHeadersAndCookies) {
  start({"authorization", "cookie:sid"});
  EXPECT_EQ(sendAnyhow(post("AUTHORIZATION: secret\r\nCookie: a=b; sid=secret\r\n", "{\"a\":1}") +
                       "GET /2 HTTP/1.1\r\nHost: a\r\nX:  as it is\r\n\r\n"),
            post("AUTHORIZATION: redacted\r\nCookie: a=b; sid=redacted\r\n", "{\"a\":1}") +
                "GET /2 HTTP/1.1\r\nHost: a\r\nX:  as it is\r\n\r\n");
  EXPECT_EQ(ledger().requests.delivered, 12U);
}

TEST_F(RequestEditorTest, MarksRequestsAndTakesNoneThatIsMarked) {
  start({}, "dormouse/m-1");
  const std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";
  EXPECT_EQ(sendAnyhow("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                       "GET /2 HTTP/1.1\r\nHost: a\r\nX-MIRRORED-BY: proxy, dormouse/m-9\r\n\r\n" +
                       upgrade + "\r\n\x81\x01x"),
            "GET /1 HTTP/1.1\r\nHost: a\r\nx-mirrored-by: dormouse/m-1\r\n\r\n" + upgrade +
                "x-mirrored-by: dormouse/m-1\r\n\r\n\x81\x01x");
  EXPECT_EQ(skipped(Reason::kFiltered), 6U);
}

TEST_F(RequestEditorTest, AMarkLeavesChunksAsTheyAre) {
  start({}, "dormouse/m-1");
  const std::string chunks = "2;x=y\r\nhi\r\n0\r\nT: t\r\n\r\n";
  EXPECT_THAT(sendAnyhow(chunked("", chunks)), HasSubstr("dormouse/m-1\r\n\r\n" + chunks));
}

TEST_F(RequestEditorTest, HidesTrailers) {
  start({"signature"});
  EXPECT_EQ(
      sendAnyhow(chunked("", "2;x=y\r\nhi\r\n3\r\nho!\r\n0\r\nSignature: secret\r\nT: t\r\n\r\n")),
      chunked("", "5\r\nhiho!\r\n0\r\nSignature: redacted\r\nT: t\r\n\r\n"));
}

TEST_F(RequestEditorTest, HidesJsonMembersAndCountsAnew) {
  start({"json:$.password", "authorization"});
  const std::string type = "Content-Type: application/json\r\n";
  EXPECT_EQ(sendAnyhow(post(type + "Authorization: secret\r\n", R"({"password":"x","b":[1, 2]})")),
            post(type + "Authorization: redacted\r\n", R"({"password":"redacted","b":[1, 2]})"));
  EXPECT_EQ(sendAnyhow(post("", R"(  {"PASSWORD":123456})")), post("", R"(  {"PASSWORD":0})"))
      << "without a type";
  EXPECT_EQ(sendAnyhow(chunked(type, "9\r\n{\"passwor\r\n8\r\nd\":\"x\"}\n\r\n0\r\nT: t\r\n\r\n")),
            chunked(type, "18\r\n{\"password\":\"redacted\"}\n\r\n0\r\nT: t\r\n\r\n"));
  EXPECT_EQ(sendAnyhow(post(type, "")), post(type, ""));
  EXPECT_EQ(ledger().requests.delivered, 24U);
}

TEST_F(RequestEditorTest, OtherBodiesPassHoweverLarge) {
  start({"json:$.password"});
  const std::string picture = post("Content-Type: image/jpeg\r\n", std::string(5000, '\xff'));
  EXPECT_EQ(sendAnyhow(picture), picture);
  const std::string blank = post("", "  ");
  EXPECT_EQ(sendAnyhow(blank), blank);
  EXPECT_EQ(sendAnyhow(chunked("", "5\r\n  a=1\r\n0\r\n\r\n")),
            chunked("", "5\r\n  a=1\r\n0\r\n\r\n"));
}

TEST_F(RequestEditorTest, DigestsOfABodyThatHasChangedAreLeftOut) {
  start({"json:$.password"});
  const std::string digests = "Content-Digest: sha-256=:AA==:\r\nContent-MD5: AA==\r\n";
  const std::string signature = "Signature: s=:AA==:\r\n";
  EXPECT_EQ(sendAnyhow(post(digests + signature, R"({"password":"secret"})")),
            post(signature, R"({"password":"redacted"})"));
  EXPECT_EQ(sendAnyhow(post(digests + signature, R"({"name":"public"})")),
            post(digests + signature, R"({"name":"public"})"))
      << "nothing has changed";
  EXPECT_EQ(sendAnyhow(chunked("Trailer: Repr-Digest\r\n",
                               "e\r\n{\"password\":1}\r\n0\r\nRepr-Digest: x\r\nT: t\r\n\r\n")),
            chunked("Trailer: Repr-Digest\r\n", "e\r\n{\"password\":0}\r\n0\r\nT: t\r\n\r\n"));
  const std::string same = chunked("", "3\r\na=1\r\n0\r\nRepr-Digest: x\r\n\r\n");
  EXPECT_EQ(sendAnyhow(same), same);
}

TEST_F(RequestEditorTest, WiderEncodingsOfJsonAreLeftOut) {
  start({"json:$.password"});
  const std::string json = R"({"password":"secret"})";
  const std::string next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
  std::uint64_t left = 0;
  for (const dormouse::testing::Wide& wide : dormouse::testing::kWides) {
    for (const std::string& text : {json, " " + json, "\r\n\t [" + json + "]"}) {
      for (const std::string& mark : {std::string(), encoded(wide, u"\ufeff")}) {
        const std::string body = mark + encoded(wide, text);
        EXPECT_EQ(sendAnyhow(post("", body) + next), next);
        EXPECT_EQ(sendAnyhow(post("Content-Type: application/json\r\n", body) + next), next);
        EXPECT_EQ(skipped(Reason::kUnredactable), left += 12);
      }
    }
  }
}

TEST_F(RequestEditorTest, AHiddenCookieMayGoOnInTheNextField) {
  start({"cookie:sid"});
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\nCookie: ";
  EXPECT_EQ(sendAnyhow(get + "b=c; sid=\"se\r\nCookie: cret; x\"; d=e\r\n\r\n"),
            get + "b=c; sid=redacted\r\nCookie: redacted\r\n\r\n");
}

/// `count` chunks of one byte each.
std::string smallChunks(std::size_t count) {
  std::string chunks;
  for (std::size_t i = 0; i < count; ++i) chunks += "1\r\nx\r\n";
  return chunks;
}

TEST_F(RequestEditorTest, TheChunksOfABatchAreOneCallOfTheSink) {
  start({"authorization"});
  const std::string head = chunked("", "");
  const std::string chunks = smallChunks(1000);
  EXPECT_EQ(send(head + chunks + "0\r\n\r\n", 500),
            head + "3e8\r\n" + std::string(1000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(sink_->bodyCalls, 1) << "the end of the body with its content";

  // At a batch's end what has come is handed on.
  TcpClient client;
  client.client = endpoint("10.1.0.2", 2000);
  feed(client.syn());
  feed(client.data(0, head + chunks));
  EXPECT_EQ(sink_->bodyCalls, 1);
  flush();
  EXPECT_EQ(sink_->bodyCalls, 2);
  EXPECT_TRUE(sink_->live.begin()->second.bytes.ends_with(std::string(1000, 'x') + "\r\n"));
  flush();
  EXPECT_EQ(sink_->bodyCalls, 2) << "once";

  // So is what has come of a connection that ends before its request, or another's does.
  const auto at = static_cast<std::uint32_t>((head + chunks).size());
  feed(client.data(at, "3\r\nabc\r\n"));
  TcpClient other;
  other.client = endpoint("10.1.0.2", 3000);
  feed(other.syn());
  feed(other.data(0, head + "3\r\ndef\r\n"));
  EXPECT_TRUE(sink_->live.begin()->second.bytes.ends_with("3\r\nabc\r\n"));
  feed(other.fin(static_cast<std::uint32_t>(head.size()) + 8));
  sink_->settleClosed();
  EXPECT_EQ(sink_->all.back().bytes, head + "3\r\ndef\r\n");
}

TEST_F(RequestEditorTest, NoMoreIsGatheredThanItsBound) {
  start({"authorization"});
  TcpClient client;
  feed(client.syn());
  const std::string text = chunked("", smallChunks(RequestEditor::kGather));
  constexpr std::size_t kStep = 10'000;
  for (std::size_t at = 0; at < text.size(); at += kStep) {
    feed(client.data(static_cast<std::uint32_t>(at), text.substr(at, kStep)));
  }
  EXPECT_EQ(sink_->bodyCalls, 1) << "although the batch has not ended";
  EXPECT_TRUE(sink_->live.begin()->second.bytes.ends_with(
      "\r\n4000\r\n" + std::string(RequestEditor::kGather, 'x') + "\r\n"));
}

TEST_F(RequestEditorTest, ARefusalOfWhatWasGatheredEndsTheConnection) {
  start({"authorization"});
  const std::string text = chunked("", smallChunks(3));
  const auto length = static_cast<std::uint32_t>(text.size());
  std::vector<TcpClient> clients(4);
  for (TcpClient& client : clients) {
    client.client = endpoint("10.1.0.1", ++port_);
    feed(client.syn());
    feed(client.data(0, text));
  }
  sink_->refuseData = Reason::kOverBudget;
  // The last one's is still gathered; at a batch's end.
  flush();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 1U);
  EXPECT_EQ(skipped(Reason::kOverBudget), 1U);
  // By another connection; and by the connection's own end.
  feed(clients[0].data(length, "1\r\ny\r\n"));
  feed(clients[1].data(length, "1\r\nz\r\n"));
  feed(clients[1].rst(length + 6));
  flush();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 3U);
  // By the request's own end.
  feed(clients[2].data(length, "1\r\nz\r\n0\r\n\r\n"));
  flush();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 4U);
  EXPECT_EQ(skipped(Reason::kOverBudget), 3U);
  EXPECT_EQ(skipped(Reason::kMalformed), 1U) << "the one that was broken off";
  EXPECT_EQ(ledger().connections.open, 0U);
  EXPECT_EQ(ledger().requests.open, 0U);
}

TEST_F(RequestEditorTest, WhatItCannotLookIntoIsLeftOutWhole) {
  start({"json:$.password"});
  const std::string type = "Content-Type: application/json\r\n";
  const std::string large = "{\"password\":\"" + std::string(kMaxBody, 's') + "\"}";
  for (const std::string& bad :
       {post(type, "{\"password\":\"secret\""), post(type, "password=secret"),
        post("Content-Encoding: gzip\r\n", "\x1f\x8b..."), post(type, large), post("", large),
        chunked(type, "3f7\r\n" + large + "\r\n0\r\n\r\n"),
        chunked("Content-Encoding: br\r\n", "1\r\nx\r\n0\r\n\r\n"),
        post("", std::string(kMaxBody + 1, ' ') + "{\"password\":\"secret\"}"),
        post("", "\xff\xfe{")}) {
    const std::uint64_t before = skipped(Reason::kUnredactable);
    const std::string next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(sendAnyhow(bad + next), next) << bad.substr(0, 100);
    EXPECT_EQ(skipped(Reason::kUnredactable), before + 6);
  }
  EXPECT_THAT(mirror_->report().verdict,
              HasSubstr("54 requests were left out: nothing could be redacted in the body"));
}

TEST_F(RequestEditorTest, ABrokenOffBodyLeavesNoTrace) {
  start({"json:$.password"});
  const std::string text = post("Content-Type: application/json\r\n", R"({"password":"secret"})");
  EXPECT_THAT(send(text.substr(0, text.size() - 1), 1000), Not(HasSubstr("password")));
  EXPECT_EQ(skipped(Reason::kMalformed), 1U);
}

TEST_F(RequestEditorTest, ConnectionsOfOtherProtocolsAreSkippedForThatReason) {
  start({"authorization"});
  EXPECT_EQ(sendAnyhow("EHLO secret\r\n"), "");
  EXPECT_EQ(sendAnyhow("GE"), "");
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kRedactionNeedsHttp), 12U);
  EXPECT_TRUE(sink_->all.empty());
}

TEST_F(RequestEditorTest, WhatFollowsUpgradeOrConnectIsSkippedForThatReason) {
  start({"authorization"});
  const std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_EQ(sendAnyhow(upgrade + "\x81\x06secret"), upgrade);
  EXPECT_EQ(sendAnyhow(upgrade + "GET"), upgrade) << "it could have become a request";
  const std::string connect = "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n";
  EXPECT_EQ(sendAnyhow(connect + "GET /secret HTTP/1.1\r\nHost: a\r\n\r\n"), connect);
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kRedactionNeedsHttp), 18U);
  EXPECT_EQ(ledger().requests.delivered, 18U);
  EXPECT_EQ(sendAnyhow(upgrade + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
            upgrade + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
      << "the server has refused to upgrade";
}

TEST_F(RequestEditorTest, HeldBodiesShareABoundAndGiveItBack) {
  start({"json:$.password"});
  const std::string type = "Content-Type: application/json\r\nX-Filler: ";
  const std::string text =
      post(type + std::string(60'000, 'x') + "\r\n", R"({"password":"secret"})");
  const auto cut = static_cast<std::uint32_t>(text.size() - 1);
  std::vector<TcpClient> clients(40);
  for (TcpClient& client : clients) {
    client.client = endpoint("10.1.0.1", ++port_);
    feed(client.syn());
    feed(client.data(0, text.substr(0, cut)));
  }
  for (const TcpClient& client : clients) feed(client.data(cut, "}"));
  const std::uint64_t left = skipped(Reason::kOverBudget);
  EXPECT_GT(left, 30U);
  EXPECT_LT(left, 38U);
  // Again, now that nothing is held: the same number.
  for (const TcpClient& client : clients) feed(client.data(cut + 1, text.substr(0, cut)));
  for (const TcpClient& client : clients) feed(client.data(cut + 1 + cut, "}"));
  EXPECT_EQ(skipped(Reason::kOverBudget), 2 * left);
  // And after connections that ended while something was held.
  for (const TcpClient& client : clients) feed(client.data(2 * cut + 2, text.substr(0, cut)));
  for (const TcpClient& client : clients) feed(client.rst(3 * cut + 2));
  sink_->settleClosed();
  for (TcpClient& client : clients) {
    client.client = endpoint("10.1.0.2", ++port_);
    feed(client.syn());
    feed(client.data(0, text));
  }
  EXPECT_EQ(skipped(Reason::kOverBudget), 2 * left) << "whole ones take their place one by one";
}

TEST_F(RequestEditorTest, TrailersWithoutRoomAreDropped) {
  start({"signature"});
  const std::string text = chunked("", "2\r\nhi\r\n0\r\nT: " + std::string(60'000, 't'));
  const auto cut = static_cast<std::uint32_t>(text.size());
  std::vector<TcpClient> clients(30);
  for (TcpClient& client : clients) {
    client.client = endpoint("10.1.0.1", ++port_);
    feed(client.syn());
    feed(client.data(0, text));
  }
  for (const TcpClient& client : clients) {
    feed(client.data(cut, "\r\n\r\n"));
    feed(client.fin(cut + 4));
  }
  sink_->settleClosed();
  std::size_t dropped = 0;
  for (const auto& received : sink_->all) {
    if (received.bytes.ends_with("\r\n2\r\nhi\r\n0\r\n\r\n")) ++dropped;
  }
  EXPECT_GT(dropped, 15U);
  EXPECT_LT(dropped, 29U);
  EXPECT_EQ(ledger().requests.delivered, 30U);
}

// What was held back can be refused when the mirror does not ask.
TEST_F(RequestEditorTest, ARefusalAfterTheRequestsEndIsToldAtTheBatchsEnd) {
  start({"json:$.password"});
  const std::string text = post("Content-Type: application/json\r\n", R"({"password":"secret"})");
  const auto length = static_cast<std::uint32_t>(text.size());
  TcpClient client;
  feed(client.syn());
  sink_->refuseData = Reason::kOverBudget;
  feed(client.data(0, text));
  EXPECT_EQ(skipped(Reason::kOverBudget), 1U);
  EXPECT_EQ(ledger().connections.open, 1U);
  flush();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 1U);
  feed(client.data(length, text));
  EXPECT_EQ(ledger().requests.seen, 1U) << "the connection is over";

  // In the same batch the next request learns of it, or the connection's end.
  TcpClient second;
  second.client = endpoint("10.1.0.2", 2000);
  feed(second.syn());
  feed(second.data(0, text + text));
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 2U);
  TcpClient third;
  third.client = endpoint("10.1.0.2", 3000);
  feed(third.syn());
  feed(third.fin(0, text));
  flush();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 3U);
  EXPECT_EQ(ledger().connections.open, 0U);
}

TEST_F(RequestEditorTest, WhatDoesNotFitOnceItsSizeIsKnownIsLeftOutAlone) {
  start({"json:$.password"});
  const std::string text = post("Content-Type: application/json\r\n", R"({"password":"secret"})");
  TcpClient client;
  feed(client.syn());
  feed(client.data(0, text.substr(0, 100)));
  sink_->refuseRequest = Reason::kOverBudget;
  feed(client.data(100, text.substr(100)));
  EXPECT_EQ(skipped(Reason::kOverBudget), 1U);
  EXPECT_EQ(ledger().connections.open, 1U);
}

}  // namespace
}  // namespace dormouse::mirror
