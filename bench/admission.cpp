// Admission reviews over keep-alive TLS: how long they take at a given rate, and how many one core
// answers. Starts the injector itself.
// Usage: bench_admission INJECTOR [SECONDS]
// A run in which a review was not answered by a patch prints `failed` instead of a figure.
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "injector/certificates/certificate.h"
#include "injector/json.h"

namespace {

using namespace dormouse;            // NOLINT(google-build-using-namespace): this is the program.
using namespace dormouse::injector;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr int kConnections = 8;
constexpr int kRate = 500;
constexpr std::size_t kPodBytes = 10 << 10;

// A review of a Deployment's pod, filled with environment variables up to 10 KB.
std::string makeRequest() {
  std::string pod =
      R"({"metadata":{"generateName":"web-7d9c6b8f5-","labels":{"dormouse.dev/inject":"true","app":"web"}},)"
      R"("spec":{"restartPolicy":"Always","volumes":[{"name":"config","configMap":{"name":"web"}}],)"
      R"("containers":[{"name":"app","image":"registry.example/web:1","ports":[{"containerPort":8080}],)"
      R"("resources":{"requests":{"cpu":"100m","memory":"128Mi"}},"env":[{"name":"FIRST","value":"1"})";
  for (int i = 0; pod.size() < kPodBytes - 64; ++i) {
    pod += R"(,{"name":"VARIABLE_)" + std::to_string(i) + R"(","value":"the value of it"})";
  }
  pod += "]}]}}";
  const std::string body =
      R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":)"
      R"("705ab4f5-6393-11e8-b7cc-42010a800002","operation":"CREATE","namespace":"web","resource":)"
      R"({"group":"","version":"v1","resource":"pods"},"object":)" +
      pod + "}}";
  return "POST /mutate/privileged?timeout=3s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
         "application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::uint16_t freePort() {
  const Poco::Net::ServerSocket socket(Poco::Net::SocketAddress("127.0.0.1", 0));
  return socket.address().port();
}

// The injector as a child process with a certificate in a directory of its own.
class Process {
 public:
  explicit Process(const std::string& program) : port_(freePort()) {
    std::string name = (fs::temp_directory_path() / "dormouse-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a directory");
    folder_ = name;
    const WallTime now = SystemClock().wallNow();
    const Validity validity{now - std::chrono::hours(1), now + std::chrono::hours(1)};
    const CertificateAndKey leaf =
        issueLeaf(makeAuthority("bench", validity), {"localhost"}, validity);
    std::ofstream(folder_ / "tls.crt") << leaf.certificate;
    std::ofstream(folder_ / "tls.key") << leaf.key;
    const std::vector<std::string> arguments = {program,
                                                "--cert-mode=files",
                                                "--cert-file=" + (folder_ / "tls.crt").string(),
                                                "--key-file=" + (folder_ / "tls.key").string(),
                                                "--native-sidecar=always",
                                                "--sidecar-image=registry.example/dormouse:1",
                                                "--log-level=warn",
                                                "--listen=127.0.0.1:" + std::to_string(port_),
                                                "--health-listen=127.0.0.1:0",
                                                "--shutdown-delay=0s"};
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments)
      words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execv(program.c_str(), words.data());
      ::_exit(127);
    }
  }
  ~Process() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  std::uint16_t port() const { return port_; }

  // Time on a CPU of all its threads so far, in seconds.
  double cpu() const {
    double seconds = 0;
    for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
      std::uint64_t nanoseconds = 0;
      std::ifstream(task.path() / "schedstat") >> nanoseconds;
      seconds += static_cast<double>(nanoseconds) * 1e-9;
    }
    return seconds;
  }

 private:
  std::uint16_t port_;
  fs::path folder_;
  pid_t pid_ = -1;
};

class Connection {
 public:
  explicit Connection(std::uint16_t port)
      : socket_(Poco::Net::SocketAddress("127.0.0.1", port), "localhost",
                new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "",
                                       Poco::Net::Context::VERIFY_NONE)) {
    socket_.setNoDelay(true);
    socket_.setReceiveTimeout(Poco::Timespan(5, 0));
  }

  // True if the answer is a patch.
  bool review(const std::string& request) {
    for (std::size_t sent = 0; sent < request.size();) {
      const int n =
          socket_.sendBytes(request.data() + sent, static_cast<int>(request.size() - sent));
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    std::string answer;
    std::array<char, 16384> part{};
    for (std::size_t wanted = 0; wanted == 0 || answer.size() < wanted;) {
      const int n = socket_.receiveBytes(part.data(), static_cast<int>(part.size()));
      if (n <= 0) return false;
      answer.append(part.data(), static_cast<std::size_t>(n));
      const std::size_t end = answer.find("\r\n\r\n");
      const std::size_t length = answer.find("Content-Length: ");
      if (end != std::string::npos && length < end) {
        wanted = end + 4 + std::strtoul(answer.c_str() + length + 16, nullptr, 10);
      }
    }
    return answer.find("\"patch\"") != std::string::npos;
  }

 private:
  Poco::Net::SecureStreamSocket socket_;
};

void waitUntilServing(std::uint16_t port, const std::string& request) {
  for (int i = 0; i < 200; ++i) {
    try {
      if (Connection(port).review(request)) return;
    } catch (const std::exception&) {
      // Not yet.
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("the injector does not answer");
}

// Each connection's reviews are due at fixed times. A review that begins late because the one
// before it took long counts from when it was due.
std::vector<double> paced(std::uint16_t port, const std::string& request, int seconds, bool& good) {
  std::vector<double> millis;
  std::mutex mutex;
  std::atomic<bool> allGood{true};
  std::vector<std::thread> threads;
  threads.reserve(kConnections);
  const auto start = SteadyClock::now() + std::chrono::milliseconds(100);
  const auto interval = std::chrono::nanoseconds(1'000'000'000LL * kConnections / kRate);
  for (int c = 0; c < kConnections; ++c) {
    threads.emplace_back([&, c] {
      try {
        Connection connection(port);
        std::vector<double> mine;
        auto due = start + interval * c / kConnections;
        for (int i = 0; i < seconds * kRate / kConnections; ++i, due += interval) {
          std::this_thread::sleep_until(due);
          if (!connection.review(request)) allGood = false;
          mine.push_back(
              std::chrono::duration<double, std::milli>(SteadyClock::now() - due).count());
        }
        const std::lock_guard lock(mutex);
        millis.insert(millis.end(), mine.begin(), mine.end());
      } catch (const std::exception&) {
        allGood = false;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  good = allGood;
  std::sort(millis.begin(), millis.end());
  return millis;
}

// Reviews one after another on each of two connections; the injector's CPU is what counts.
double perCore(const Process& process, const std::string& request, int seconds, bool& good) {
  std::atomic<std::uint64_t> reviews{0};
  std::atomic<bool> allGood{true};
  std::vector<Connection> connections;
  connections.reserve(2);
  for (int i = 0; i < 2; ++i) connections.emplace_back(process.port());
  const double before = process.cpu();
  const auto until = SteadyClock::now() + std::chrono::seconds(seconds);
  std::vector<std::thread> threads;
  threads.reserve(connections.size());
  for (Connection& connection : connections) {
    threads.emplace_back([&] {
      try {
        for (; SteadyClock::now() < until; ++reviews) {
          if (!connection.review(request)) allGood = false;
        }
      } catch (const std::exception&) {
        allGood = false;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  good = allGood;
  return static_cast<double>(reviews.load()) / (process.cpu() - before);
}

void print(const char* name, bool good, double value) {
  if (good) {
    std::printf("%s: %.3f\n", name, value);
  } else {
    std::printf("%s: failed\n", name);
  }
}

int measure(const std::string& program, int seconds) {
  const std::string request = makeRequest();
  const Process process(program);
  waitUntilServing(process.port(), request);
  bool good = false;
  paced(process.port(), request, 1, good);  // Warm: threads, allocator, session.
  const std::vector<double> millis = paced(process.port(), request, seconds, good);
  const auto at = [&](double share) {
    return millis.empty()
               ? 0.0
               : millis[static_cast<std::size_t>(share * static_cast<double>(millis.size() - 1))];
  };
  print("admission_p50_ms_at_500_per_s", good, at(0.50));
  print("admission_p99_ms_at_500_per_s", good, at(0.99));
  const double rate = perCore(process, request, seconds, good);
  print("admission_reviews_per_s_per_core", good, rate);
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: bench_admission INJECTOR [SECONDS]\n";
    return 2;
  }
  try {
    return measure(argv[1], argc == 3 ? std::max(1, std::atoi(argv[2])) : 10);
  } catch (const std::exception& error) {
    std::cerr << "bench_admission: " << error.what() << "\n";
    return 1;
  }
}
