// The property that redaction is for: whatever a client sends and however it is cut, no byte of
// what is hidden leaves a mirror, in any format, nor its report. The mirrors are those of the
// program, from packets to sockets.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <random>
#include <string_view>

#include "agent/admission.h"
#include "agent/mirror_maker.h"
#include "mirror/report.h"
#include "tests/http/wide_text.h"
#include "tests/sink/sockets.h"
#include "tests/support/packets.h"

namespace dormouse::agent {
namespace {

using dormouse::testing::endpoint;
using dormouse::testing::Segment;
using dormouse::testing::TcpClient;

/// Traffic whose secrets are words of the letters J, Q, X and Z, and what must come of it.
class Traffic {
 public:
  explicit Traffic(unsigned seed) : random_(seed) {}

  std::size_t upTo(std::size_t n) { return std::size_t{random_()} % (n + 1); }
  std::string pick(const std::vector<std::string>& words) { return words[upTo(words.size() - 1)]; }
  std::string secret() {
    std::string word(8 + upTo(30), '\0');
    for (char& c : word) c = "JQXZ"[upTo(3)];
    return word;
  }

  /// A connection's bytes.
  std::string connection() {
    if (upTo(4) == 0) return http2();
    if (upTo(9) == 0) return pick({"EHLO ", "\x16\x03 ", "GE", "*1\r\n", "{"}) + secret();
    std::string text;
    for (std::size_t i = 0, count = 1 + upTo(4); i < count; ++i) text += request();
    if (upTo(4) == 0) text += end();
    return text;
  }

 private:
  /// A frame of HTTP/2 (RFC 9113, 4.1).
  static std::string frame(char type, unsigned flags, unsigned stream, const std::string& payload) {
    std::string text;
    for (const unsigned shift : {16U, 8U, 0U}) text += static_cast<char>(payload.size() >> shift);
    (text += type) += static_cast<char>(flags);
    for (const unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(stream >> shift);
    return text + payload;
  }
  /// A literal field, not indexed (RFC 7541, 6.2.2). REQUIRES: both below 127 bytes.
  static std::string literal(const std::string& name, const std::string& value) {
    return std::string(1, '\0') + static_cast<char>(name.size()) + name +
           static_cast<char>(value.size()) + value;
  }
  std::string http2() {
    std::string text = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "");
    for (unsigned stream = 1, last = 2 * static_cast<unsigned>(upTo(3)) + 1; stream <= last;
         stream += 2) {
      const bool tunnel = upTo(6) == 0;
      std::string block = literal(":method", tunnel ? "CONNECT" : "POST");
      if (!tunnel) block += literal(":scheme", "http") + literal(":path", "/public");
      block += literal(":authority", "a");
      for (std::size_t i = 0, count = upTo(3); i < count; ++i) {
        const std::vector<std::pair<std::string, std::string>> fields = {
            {"authorization", secret()},          {"x-api-key", secret()},
            {"cookie", "sid=" + secret()},        {"cookie", "theme=dark"},
            {"content-type", "application/json"}, {"content-type", "application/grpc+json"}};
        const auto& [name, value] = fields[upTo(fields.size() - 1)];
        block += literal(name, value);
      }
      if (upTo(4) == 0) {
        block += literal("cookie", "sid=\"" + secret()) + literal("cookie", secret() + "\"");
      }
      const std::string body = tunnel ? secret() : upTo(2) == 0 ? "form=public" : jsonBody();
      if (body != "form=public") block += literal("content-digest", secret());
      const std::size_t cut = upTo(block.size());
      text += frame(1, 0, stream, block.substr(0, cut)) + frame(9, 4, stream, block.substr(cut));
      const std::size_t half = upTo(body.size());
      text += frame(0, 0, stream, body.substr(0, half));
      const bool trailers = upTo(1) == 0;
      text += frame(0, trailers ? 0 : 1, stream, body.substr(half));
      if (trailers) text += frame(1, 5, stream, literal("authorization", secret()));
      if (upTo(9) == 0) text += frame(3, 0, stream, std::string(4, '\0'));
    }
    return text;
  }

  std::string anyCase(std::string name) {
    for (char& c : name) {
      if (upTo(1) == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
    }
    return name;
  }

  std::string field() {
    const std::string blank = pick({"", " ", "\t", "  "});
    switch (upTo(6)) {
      case 0:
        return anyCase("authorization") + ":" + blank + "Bearer " + secret() + blank + "\r\n";
      case 1:
        return anyCase("x-api-key") + ":" + blank + secret() + "\r\n";
      case 2:
        return anyCase("cookie") + ":" + blank + "theme=dark; " + anyCase("sid") + blank + "=" +
               blank + pick({"", "\""}) + secret() + pick({"", ";", "; lang=en"}) + "\r\n";
      case 3:
        return anyCase("cookie") + ": sid=\"" + secret() + ";" + secret() + "\"; lang=en\r\n";
      case 4:
        return anyCase("authorization") + ":\r\n";
      case 5:
        return anyCase("cookie") + ": sid=\"" + secret() + "\r\nX-Public: seen\r\n" +
               anyCase("cookie") + ": " + secret() + pick({"\"; lang=en", ""}) + "\r\n";
      default:
        return "X-Public: seen" + std::to_string(upTo(999)) + "\r\n";
    }
  }

  std::string jsonBody() {
    const std::string password =
        pick({"\"password\"", "\"pass\\u0077ord\"", "\"PASSWORD\"", "\"p\\u0061ssword\""});
    const std::string value = pick({"\"" + secret() + "\"", "{\"a\":[\"" + secret() + "\",1]}",
                                    "[[\"" + secret() + "\"]]", "{\"" + secret() + "\":null}"});
    const std::string more = pick({"", "," + password + ":\"" + secret() + "\""});
    std::string text = "{\"name\":\"public\"," + password + " : " + value + more +
                       ",\"cards\":[{\"number\":\"" + secret() + "\"}, 3]}";
    switch (upTo(8)) {
      case 8:
        return encoded(dormouse::testing::kWides[upTo(3)], pick({"", " ", "\r\n"}) + text);
      case 0:
        return text.substr(0, text.size() - 1 - upTo(20));  // Broken.
      case 1:
        return text + pick({"x", "{}", "\n//"});
      case 2:
        return "\xef\xbb\xbf" + text;
      case 3:
        return text.insert(1, "\"pad\":\"" + std::string(1500, 'p') + "\",");  // Above the limit.
      default:
        return pick({"", " ", "\r\n\t"}) + text;
    }
  }

  std::string request() {
    std::string head = pick({"GET", "POST", "PUT"}) + " /public HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t i = 0, count = upTo(4); i < count; ++i) head += field();
    head += pick({"", "", "", "Content-Encoding: gzip\r\n", "Content-Type: text/plain\r\n",
                  "Content-Type: application/json\r\n", "content-type: text/x+JSON\r\n"});
    const bool form = upTo(2) == 0;
    const std::string body = form ? "form=public" : jsonBody();
    const std::string digest =
        form ? "" : pick({"", "Digest: " + secret() + "\r\n", "Content-MD5: " + secret() + "\r\n"});
    switch (upTo(2)) {
      case 0:
        return head + "\r\n";
      case 1:
        return head + digest + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      default:
        return head + "Transfer-Encoding: chunked\r\n\r\n" + chunks(body, digest);
    }
  }

  std::string chunks(const std::string& body, const std::string& digest) {
    std::string text;
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t size = std::min(body.size() - at, 1 + upTo(50));
      std::array<char, 20> line{};
      std::snprintf(line.data(), line.size(), "%zx", size);
      text += line.data() + pick({"", ";x=" + secret()}) + "\r\n" + body.substr(at, size) + "\r\n";
      at += size;
    }
    text += "0\r\n";
    for (std::size_t i = 0, count = upTo(2); i < count; ++i) text += field();
    return text + digest + "\r\n";
  }

  /// How a connection of HTTP may go on as something else, or end.
  std::string end() {
    const std::string line = "GET /public HTTP/1.1\r\nHost: a\r\n";
    switch (upTo(7)) {
      case 0:
        return line + "Connection: Upgrade\r\nUpgrade: x\r\n\r\n" + pick({"", "G", "\x81"}) +
               secret();
      case 1:
        return "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n" + secret();
      case 2:
        return line + "Authorization: x\r\n " + secret() + "\r\n\r\n";  // Folded.
      case 3:
        return line + "Authorization : " + secret() + "\r\n\r\n";
      case 4:
        return line + "Authorization: x\n" + secret() + "\r\n\r\n";
      case 5:
        return line + "Authorization: " + secret();
      case 6:
        return line + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + secret();
      default:
        return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npubli\r\n" +
               secret();
    }
  }

  std::mt19937 random_;
};

class RedactionTest : public sink::test::SinkTest {
 protected:
  /// Admitted as the control API does it.
  mirror::MirrorIdentity identity(wire::Format format, const std::string& to = {}) {
    mirror::MirrorIdentity identity;
    identity.id = "m-1";
    identity.owner = "ana";
    identity.push = !to.empty();
    wire::MirrorSpec spec;
    spec.ports = {8080};
    spec.to = to;
    spec.format = format;
    spec.redact = {"x-api-key", "cookie:sid", "json:$.password", "json:$..number"};
    identity.spec = admitSpec(settings_, spec);
    identity.started = clock_.wallNow();
    return identity;
  }
  RedactionTest() {
    settings_.mirror.redactHeaders = {"authorization"};
    settings_.mirror.redactBytes = 1000;
  }
  DataLoop::Context context() { return {loop_, table_, own_}; }

  /// Sends random connections, cut at random; calls `read` in between.
  template <typename Read>
  void run(mirror::Mirror& mirror, unsigned seed, Read read) {
    Traffic traffic(seed);
    const std::size_t step = std::vector<std::size_t>{1, 3, 17, 1 << 16}[traffic.upTo(3)];
    for (int i = 0; i < 8; ++i) {
      TcpClient client;
      client.client = endpoint("10.1.0.1", static_cast<std::uint16_t>(1000 + i));
      const std::string text = traffic.connection();
      feed(mirror, client.syn());
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t size = std::min(text.size() - at, 1 + traffic.upTo(step - 1));
        feed(mirror, client.data(static_cast<std::uint32_t>(at), text.substr(at, size)));
        at += size;
      }
      feed(mirror, client.fin(static_cast<std::uint32_t>(text.size())));
      mirror.flush(clock_.now());
      read();
    }
    mirror.noteEnd("deleted");
    mirror.endCapture();
    mirror.flush(clock_.now());
    mirror.finish();
    mirror.flush(clock_.now());
    read();
  }
  void feed(mirror::Mirror& mirror, const Segment& segment) {
    const std::vector<std::uint8_t> bytes = dormouse::testing::ipBytes(segment);
    mirror.beginBatch(clock_.now());
    mirror.onPacket({segment.timestamp, bytes, static_cast<std::uint32_t>(bytes.size())});
  }

  static void expectNoSecret(std::string_view text, unsigned seed) {
    std::size_t run = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\0') continue;  // As in UTF-16.
      run = std::string_view("JQXZ").find(text[at]) == std::string_view::npos ? 0 : run + 1;
      ASSERT_LT(run, 5U) << "seed " << seed << ": " << text.substr(at < 200 ? 0 : at - 200, 250);
    }
  }

  Settings settings_;
  reassembly::FlowTable table_{reassembly::Limits{}};
  mirror::OwnSockets own_{clock_};
  http::HeadStart headStart_;
  std::uint64_t delivered_ = 0;
  std::uint64_t unredactable_ = 0;
};

TEST_F(RedactionTest, NoHiddenByteLeavesAStream) {
  for (const wire::Format format :
       {wire::Format::kFrames, wire::Format::kNdjson, wire::Format::kHttp}) {
    std::string all;
    for (unsigned seed = 0; seed < 100; ++seed) {
      sink::test::Stream stream = sink::test::makeStream();
      sink::test::Received received;
      const auto mirror =
          makeStreamMirror(settings_, identity(format), headStart_, std::move(stream.writer))(
              context(), capture::LinkType::kRaw, 3);
      run(*mirror, seed, [&] { sink::test::readSome(stream.reader.get(), received); });
      const mirror::MirrorReport report = mirror->report();
      EXPECT_TRUE(report.ledger.requests.balances());
      expectNoSecret(received.bytes + mirror::toText(*mirror::toJson(report)), seed);
      delivered_ += report.ledger.requests.delivered;
      unredactable_ += report.ledger.requests.skippedFor(Reason::kUnredactable);
      all += received.bytes;
    }
    for (const char* seen : {"X-Public", "form=public", "theme=dark; ", "lang=en"}) {
      const bool lower = format == wire::Format::kNdjson && std::string_view(seen) == "X-Public";
      EXPECT_NE(all.find(lower ? "x-public" : seen), std::string::npos) << seen;
    }
    EXPECT_NE(all.find("redacted"), std::string::npos);
  }
  EXPECT_GT(delivered_, 700U) << "or nothing is proved";
  EXPECT_GT(unredactable_, 70U);
}

TEST_F(RedactionTest, NoHiddenByteLeavesAPush) {
  settings_.mirror.linger = std::chrono::seconds(1);
  const auto resolver = std::make_shared<sink::test::FakeResolver>();
  sink::test::ManualExecutor executor;
  for (unsigned seed = 0; seed < 50; ++seed) {
    sink::test::LocalPort program;
    auto target = std::make_unique<sink::Target>(program.text(), sink::test::allow({"127.0.0.0/8"}),
                                                 resolver, executor, clock_);
    const auto mirror =
        makePushMirror(settings_, identity(wire::Format::kFrames, program.text()), headStart_,
                       std::move(target), clock_)(context(), capture::LinkType::kRaw, 3);
    std::vector<sink::test::Fd> peers;
    std::string all;
    const auto read = [&] {
      drainEvents();
      while (true) {
        sink::test::Fd peer(
            ::accept4(program.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (peer.get() < 0) break;
        peers.push_back(std::move(peer));
        drainEvents();
      }
      for (const sink::test::Fd& peer : peers) {
        sink::test::Received received;
        sink::test::readSome(peer.get(), received);
        all += received.bytes;
      }
    };
    ASSERT_EQ(::fcntl(program.fd(), F_SETFL, O_NONBLOCK), 0);
    run(*mirror, seed, read);
    expectNoSecret(all + mirror::toText(*mirror::toJson(mirror->report())), seed);
    delivered_ += all.size();
  }
  EXPECT_GT(delivered_, 10'000U) << "or nothing is proved";
}

}  // namespace
}  // namespace dormouse::agent
