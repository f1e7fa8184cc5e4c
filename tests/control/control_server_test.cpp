#include "control/control_server.h"

#include <Poco/JSON/Parser.h>
#include <gmock/gmock.h>

#include <memory>
#include <thread>

#include "common/options.h"
#include "common/problem.h"
#include "fake_mirror_service.h"
#include "support/capture_log.h"
#include "support/raw_client.h"
#include "support/temp_dir.h"

namespace dormouse::control {
namespace {

using test::CaptureLog;
using test::FakeMirrorService;
using test::RawClient;
using test::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() { tokens_.write("ana", "ana-token\n"); }

  void start() {
    ControlOptions options;
    options.listen = "127.0.0.1:0";
    options.metricsListen = "127.0.0.1:0";
    options.tokenDir = tokens_.string();
    server_ = std::make_unique<ControlServer>(resolve(options), service_, metrics_, audit_, clock_,
                                              log_.log);
    server_->start();
  }

  /// One request on a connection of its own; an empty token: no Authorization header.
  std::string call(const std::string& method, const std::string& target,
                   const std::string& body = "", const std::string& token = "ana-token") const {
    RawClient client(server_->boundPort());
    client.send(method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
                (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.readAll();
  }

  static Poco::JSON::Object::Ptr bodyOf(const std::string& response) {
    const std::string body = response.substr(response.find("\r\n\r\n") + 4);
    EXPECT_THAT(body, ::testing::EndsWith("\n"));
    return Poco::JSON::Parser().parse(body).extract<Poco::JSON::Object::Ptr>();
  }

  TempDir tokens_;
  CaptureLog log_;
  ManualClock clock_;
  Metrics metrics_;
  FakeMirrorService service_;
  Audit audit_{log_.log, clock_};
  std::unique_ptr<ControlServer> server_;
};

constexpr auto kPush =
    R"({"ports":[8080],"to":"10.0.0.7:3000","filter":{"source":["10.0.0.0/8"]}})";

TEST_F(ControlServerTest, HealthNeedsNoToken) {
  start();
  const std::string response = call("GET", "/healthz", "", "");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, HasSubstr("\r\n\r\nok\n"));
}

TEST_F(ControlServerTest, EverythingElseNeedsOneEvenWhatIsNotThere) {
  start();
  for (const char* target :
       {"/", "/v1/status", "/v1/mirrors", "/v1/mirrors/m-1", "/v1/stream?port=1", "/metrics",
        "/openapi.json", "/nothing", "/healthz/", "/%68ealthz/x"}) {
    const std::string response = call("GET", target, "", "");
    EXPECT_THAT(response, AllOf(StartsWith("HTTP/1.1 401 "), HasSubstr("WWW-Authenticate: Bearer"),
                                HasSubstr("application/problem+json")))
        << target;
  }
  EXPECT_THAT(call("POST", "/healthz", "", ""), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(service_.list(), IsEmpty());
}

TEST_F(ControlServerTest, AnUnknownPathIs404AndAnotherMethod405) {
  start();
  EXPECT_THAT(call("GET", "/nothing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(call("PUT", "/v1/mirrors"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: POST, GET, DELETE\r\n")));
  EXPECT_THAT(call("GET", "/v1/mirrors/m-1/x"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(ControlServerTest, CreatesShowsAndEndsAPushMirror) {
  start();
  const std::string created = call("POST", "/v1/mirrors", kPush);
  EXPECT_THAT(created, AllOf(StartsWith("HTTP/1.1 201 "),
                             HasSubstr("Location: /v1/mirrors/m-000000000001\r\n")));
  const auto mirror = bodyOf(created);
  EXPECT_EQ("ana", mirror->getValue<std::string>("owner"));
  EXPECT_EQ("active", mirror->getValue<std::string>("state"));
  EXPECT_EQ("10.0.0.7:3000", mirror->getValue<std::string>("to"));
  EXPECT_FALSE(mirror->has("format"));
  EXPECT_FALSE(mirror->has("ended_because"));
  EXPECT_EQ(8080, mirror->getArray("ports")->getElement<int>(0));
  EXPECT_EQ("10.0.0.0/8", mirror->getArray("source")->getElement<std::string>(0));
  EXPECT_EQ("2023-11-14T22:13:20.000Z", mirror->getValue<std::string>("started"));
  EXPECT_EQ("2023-11-14T22:43:20.000Z", mirror->getValue<std::string>("expires"));
  EXPECT_EQ(3, mirror->getObject("ledger")->getObject("connections")->getValue<int>("seen"));
  EXPECT_EQ("2 of 3 connections delivered", mirror->getValue<std::string>("verdict"));

  EXPECT_EQ("m-000000000001",
            bodyOf(call("GET", "/v1/mirrors/m-000000000001"))->getValue<std::string>("id"));
  EXPECT_EQ(1U, bodyOf(call("GET", "/v1/mirrors"))->getArray("mirrors")->size());

  const auto ended = bodyOf(call("DELETE", "/v1/mirrors/m-000000000001"));
  EXPECT_EQ("ended", ended->getValue<std::string>("state"));
  EXPECT_EQ("deleted", ended->getValue<std::string>("ended_because"));
}

TEST_F(ControlServerTest, AuditLinesOfWakeAndSleepTellWhoWhatAndWhatBecameOfIt) {
  mirror::MirrorReport report;
  report.id = "m-000000000001";
  report.owner = "ana";
  report.push = true;
  report.spec.ports = {8080};
  report.spec.to = "10.0.0.7:3000";
  report.spec.ttl = std::chrono::minutes(30);
  report.spec.sources = {*Network::parse("10.0.0.0/8")};
  audit_.wake(report);
  report.endedBecause = "deleted";
  audit_.sleep(report);
  const auto wakes = log_.linesWith(R"("audit":"wake")");
  ASSERT_THAT(wakes, SizeIs(1));
  EXPECT_THAT(wakes[0],
              AllOf(HasSubstr(R"("principal":"ana")"), HasSubstr("m-000000000001"),
                    HasSubstr(R"("ports":[8080])"), HasSubstr("10.0.0.7:3000"),
                    HasSubstr(R"("source":["10.0.0.0)"), HasSubstr("\"ttl_seconds\":1800")));
  const auto sleeps = log_.linesWith(R"("audit":"sleep")");
  ASSERT_THAT(sleeps, SizeIs(1));
  EXPECT_THAT(sleeps[0], AllOf(HasSubstr(R"("because":"deleted")"), HasSubstr(R"("ledger":{)")));
}

TEST_F(ControlServerTest, AuditsEachRefusalWithoutSecrets) {
  start();
  call("POST", "/v1/mirrors", R"({"ports":[0],"to":"10.0.0.7:3000"})");
  call("GET", "/v1/status", "", "wrong-token");
  const auto refusals = log_.linesWith(R"("audit":"refusal")");
  ASSERT_THAT(refusals, SizeIs(2));
  EXPECT_THAT(refusals[0], AllOf(HasSubstr(R"("principal":"ana")"), HasSubstr(R"("key":"ports")")));
  EXPECT_THAT(refusals[1], AllOf(HasSubstr(R"("status":401)"), HasSubstr("127.0.0.1:")));
  EXPECT_THAT(log_.text(), Not(HasSubstr("-token")));
}

TEST_F(ControlServerTest, UnauthenticatedRefusalsDoNotFloodTheLog) {
  start();
  for (int i = 0; i < 30; ++i) call("GET", "/v1/status", "", i % 2 == 0 ? "" : "wrong");
  EXPECT_THAT(log_.linesWith(R"("audit":"refusal")"), SizeIs(10));
  clock_.advance(std::chrono::minutes(1));
  call("GET", "/v1/status", "", "");
  EXPECT_THAT(log_.linesWith(R"("left_out_before":20)"), SizeIs(1));
}

TEST_F(ControlServerTest, RefusesWrongSpecificationsNamingTheKey) {
  start();
  const auto refused =
      bodyOf(call("POST", "/v1/mirrors", R"({"ports":[8080],"to":"x:1","colour":1})"));
  EXPECT_EQ(400, refused->getValue<int>("status"));
  EXPECT_THAT(refused->getValue<std::string>("key"), HasSubstr("colour"));
  for (const char* body : {"", "{", "[]", "null", "{\"ports\":\"8080\"}", "\xff\xfe", "{}"}) {
    EXPECT_THAT(call("POST", "/v1/mirrors", body), StartsWith("HTTP/1.1 400 ")) << body;
  }
  for (const char* query : {"", "?port=0", "?port=8080&port=x", "?port=80%", "?port=80%zz", "?%g=1",
                            "?port=80&format=xml", "?port=80&to=a:1", "?port=80&ttl=1&ttl=2"}) {
    EXPECT_THAT(call("GET", std::string("/v1/stream") + query), StartsWith("HTTP/1.1 400 "))
        << query;
  }
  EXPECT_THAT(service_.list(), IsEmpty());
}

TEST_F(ControlServerTest, TakesABodyWhateverItsContentType) {
  start();
  RawClient client(server_->boundPort());
  const std::string body = kPush;
  client.send(
      "POST /v1/mirrors HTTP/1.1\r\nHost: x\r\nAuthorization: bearer ana-token\r\n"
      "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(client.readResponse(), StartsWith("HTTP/1.1 201 "));
}

TEST_F(ControlServerTest, StreamsAndHandsTheSocketOver) {
  start();
  RawClient reader(server_->boundPort());
  reader.send(
      "GET /v1/stream?port=8080%2C9090&ttl=1h30m&format=pcap HTTP/1.1\r\nHost: x\r\n"
      "Authorization: Bearer ana-token\r\n\r\n");
  const std::string head = reader.readResponse();
  EXPECT_THAT(head,
              AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Dormouse-Mirror: m-000000000001\r\n"),
                    HasSubstr("Content-Type: application/vnd.tcpdump.pcap\r\n"),
                    HasSubstr("Cache-Control: no-store\r\n"), HasSubstr("Connection: close\r\n"),
                    Not(HasSubstr("Content-Length"))));
  const auto report = service_.find("m-000000000001");
  EXPECT_EQ((std::vector<std::uint16_t>{8080, 9090}), report.spec.ports);
  EXPECT_EQ(std::chrono::minutes(90), report.spec.ttl);
  EXPECT_EQ(mirror::State::kActive, report.state);
  std::unique_ptr<StreamSocket> stream;
  const auto giveUp = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!(stream = service_.takeStream()) && std::chrono::steady_clock::now() < giveUp) {
    std::this_thread::yield();
  }
  ASSERT_NE(nullptr, stream);
  std::size_t written = 0;
  const std::string payload = "traffic";
  stream->write({reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()}, written);
  stream->close();
  EXPECT_EQ("traffic", reader.readAll());
}

TEST_F(ControlServerTest, PassesTheServicesRefusalOn) {
  service_.refuse = std::make_shared<Problem>(503, "CAP_NET_RAW is missing");
  start();
  for (const std::string& response :
       {call("POST", "/v1/mirrors", kPush), call("GET", "/v1/stream?port=8080")}) {
    EXPECT_THAT(response, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("CAP_NET_RAW is missing")));
  }
  EXPECT_THAT(log_.linesWith(R"("audit":"refusal")"), SizeIs(2));
}

TEST_F(ControlServerTest, OnlyTheOwnerEndsAMirror) {
  tokens_.write("bob", "bob-token");
  start();
  call("POST", "/v1/mirrors", kPush);
  EXPECT_THAT(call("DELETE", "/v1/mirrors/m-000000000001", "", "bob-token"),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(0U,
            bodyOf(call("DELETE", "/v1/mirrors", "", "bob-token"))->getArray("mirrors")->size());
  EXPECT_EQ(1U, bodyOf(call("DELETE", "/v1/mirrors"))->getArray("mirrors")->size());
}

TEST_F(ControlServerTest, ShowsTheStatus) {
  start();
  const auto asleep = bodyOf(call("GET", "/v1/status"));
  EXPECT_EQ("asleep", asleep->getValue<std::string>("state"));
  EXPECT_EQ("9.8.7", asleep->getValue<std::string>("version"));
  EXPECT_EQ(61, asleep->getValue<int>("uptime_seconds"));
  EXPECT_EQ(1234, asleep->getObject("capture")->getValue<int>("packets_seen"));
  call("POST", "/v1/mirrors", kPush);
  EXPECT_EQ("awake", bodyOf(call("GET", "/v1/status"))->getValue<std::string>("state"));
}

TEST_F(ControlServerTest, AServiceThatFailsIsAnOpaque500) {
  service_.broken = true;
  start();
  const std::string response = call("GET", "/v1/status");
  EXPECT_THAT(response, AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("fake"))));
  EXPECT_THAT(log_.linesWith("the fake is broken"), SizeIs(1));
}

TEST_F(ControlServerTest, MetricsNeedATokenHereAndNoneOnTheirOwnPort) {
  start();
  EXPECT_THAT(call("GET", "/metrics"),
              AllOf(HasSubstr("Content-Type: text/plain; version=0.0.4"),
                    HasSubstr("dormouse_packets_seen_total 1234"),
                    HasSubstr("dormouse_build_info{version=\"9.8.7\"} 1"),
                    HasSubstr("# TYPE dormouse_kernel_drops_total counter")));
  RawClient scraper(server_->boundMetricsPort());
  scraper.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(scraper.readResponse(), HasSubstr("dormouse_control_answers_total{code=\"200\"} 1"));
  scraper.send("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(scraper.readResponse(), StartsWith("HTTP/1.1 404 "));
}

TEST_F(ControlServerTest, TheOpenApiDocumentDescribesEveryCallAndNoOther) {
  start();
  const auto document = bodyOf(call("GET", "/openapi.json"));
  EXPECT_EQ("3.1.0", document->getValue<std::string>("openapi"));
  EXPECT_THAT(document->getObject("info")->getValue<std::string>("version"), Not(HasSubstr("@")));
  std::vector<std::pair<std::string, std::string>> described;
  const auto paths = document->getObject("paths");
  for (const std::string& path : paths->getNames()) {
    for (std::string method : paths->getObject(path)->getNames()) {
      if (method == "parameters") continue;
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      described.emplace_back(method, path);
    }
  }
  Tokens tokens({}, clock_, log_.log);
  const ControlApi api(service_, tokens, metrics_, audit_);
  EXPECT_THAT(described, ::testing::UnorderedElementsAreArray(api.routes()));
}

TEST_F(ControlServerTest, WithoutAnyTokenEverythingIs503) {
  std::filesystem::remove(tokens_.path() / "ana");
  start();
  EXPECT_THAT(call("GET", "/v1/status"),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("no credentials are configured")));
  EXPECT_THAT(call("GET", "/healthz", "", ""), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ControlServerTest, ARotatedTokenCountsAtOnce) {
  start();
  EXPECT_THAT(call("GET", "/v1/status"), StartsWith("HTTP/1.1 200 "));
  tokens_.write("ana", "new-token");
  EXPECT_THAT(call("GET", "/v1/status"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(call("GET", "/v1/status", "", "new-token"), StartsWith("HTTP/1.1 200 "));
}

TEST(ControlOptionsTest, AnAddressThatOthersReachNeedsTlsOrConsent) {
  ControlOptions options;
  EXPECT_EQ("127.0.0.1:4747", resolve(options).listen.toString());
  options.listen = "0.0.0.0:4747";
  EXPECT_THROW(resolve(options), OptionError);
  options.insecure = true;
  EXPECT_FALSE(resolve(options).tls);
  options.insecure = false;
  options.tlsCert = "c";
  EXPECT_THROW(resolve(options), OptionError);
  options.tlsKey = "k";
  EXPECT_TRUE(resolve(options).tls);
  options.listen = "[::1]:1";
  EXPECT_EQ("[::1]:1", resolve(options).listen.toString());
}

TEST(ControlOptionsTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "4747", ":4747", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "::1:80",
                           "127.0.0.1:65536", "127.0.0.1:-1", "example.com:80", "[::1:80"}) {
    EXPECT_THROW(parseListen(text, "listen"), OptionError) << text;
  }
  EXPECT_EQ("127.0.0.1:0", parseListen("localhost:0", "listen").toString());
}

}  // namespace
}  // namespace dormouse::control
