// kubectl as the only way to the cluster: where it is, what it is told, what a call answers.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "client/child_process.h"

namespace dormouse::client {

/// The cluster cannot be asked, or it does not have what is needed. what() is a printable sentence.
class ClusterError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The API server refused, or kubectl did.
class RefusedError : public ClusterError {
 public:
  /// `reason`: the API server's word for it, such as "Conflict", "Forbidden" or "NotFound"; empty
  /// if it gave none.
  RefusedError(const std::string& sentence, std::string reason)
      : ClusterError(sentence), reason_(std::move(reason)) {}
  const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};

/// What every call of kubectl is given. Empty: kubectl's own choice.
struct KubectlOptions {
  std::string program;  // A path, or a name to be found on the PATH; empty: kubectl.
  std::string nameSpace;
  std::string context;
  std::string kubeconfig;
};

/// Makes command lines; starts nothing itself. Immutable.
class Kubectl {
 public:
  /// `searchPath`: the PATH. Throws ClusterError if the program is not found.
  Kubectl(const KubectlOptions& options, std::string_view searchPath);

  /// The whole command line: no shell ever reads it.
  std::vector<std::string> command(const std::vector<std::string>& arguments) const;
  /// "-n NAMESPACE " and the like, for a sentence with a command that the user may type.
  const std::string& typedOptions() const { return typed_; }

 private:
  std::vector<std::string> prefix_;
  std::string typed_;
};

/// Output of a child, kept up to a bound.
class BoundedText {
 public:
  explicit BoundedText(std::size_t most) : most_(most) {}
  /// What is beyond the bound is dropped, and overflowed() then.
  void append(std::string_view bytes);
  const std::string& text() const { return text_; }
  bool overflowed() const { return overflowed_; }

 private:
  std::size_t most_;
  std::string text_;
  bool overflowed_ = false;
};

/// True if `errorOutput` says that the API server refuses by its rules: asking again is no use.
bool isForbidden(std::string_view errorOutput);

/// One call that answers and ends. Ask done() after each round of the loop.
class KubectlCall final : private ChildListener {
 public:
  /// `input`: what it reads from standard input.
  KubectlCall(const Kubectl& kubectl, const std::vector<std::string>& arguments, EventLoop& loop,
              std::string_view input = {});

  bool done() const { return status_ >= 0; }
  /// REQUIRES: done(). Standard output, at most 16 MiB. Throws RefusedError with what kubectl says
  /// if it failed, ClusterError if that is more.
  const std::string& output() const;
  /// REQUIRES: done(). The API server says that there is no such object.
  bool notFound() const;
  /// REQUIRES: done(). The API server refuses by its rules.
  bool forbidden() const { return status_ != 0 && isForbidden(err_.text()); }
  /// What it has written to standard error so far, perhaps how to log in. Printable lines.
  std::string errorText() const;

 private:
  void onOutput(std::string_view bytes) override { out_.append(bytes); }
  void onErrorOutput(std::string_view bytes) override { err_.append(bytes); }
  void onExit(int status) override { status_ = status; }

  BoundedText out_;
  BoundedText err_;
  int status_ = -1;
  ChildProcess child_;  // Last: it calls the others.
};

/// The API server's word for its refusal in what kubectl writes to standard error; empty if none.
std::string reasonOf(std::string_view errorOutput);

/// What kubectl said on standard error, as one printable sentence: its last line that is no log
/// line, without "error: " and "Error from server".
std::string sentenceOf(std::string_view errorOutput);

}  // namespace dormouse::client
