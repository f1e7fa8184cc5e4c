// A FramesSink whose reader is the test.
#pragma once

#include <functional>
#include <memory>

#include "sink/frames_sink.h"
#include "tests/sink/frame_log.h"
#include "tests/sink/sockets.h"

namespace dormouse::sink::test {

class FramesTest : public SinkTest {
 protected:
  /// `kernelBuffer`: of the reader's end, in bytes; 0 for the system's.
  void start(int kernelBuffer = 0, std::size_t budget = 4 << 20) {
    stream_ = makeStream(kernelBuffer);
    sink_ = std::make_unique<FramesSink>(loop_, std::move(stream_.writer), recorder_,
                                         StreamOptions{budget, std::chrono::seconds(5)});
  }
  /// Reads until `enough`; without it, what the kernel holds now.
  void readUntil(const std::function<bool()>& enough) {
    runUntil([&] {
      Received part;
      readSome(stream_.reader.get(), part, 4096);
      log_.feed(part.bytes);
      sink_->flush(clock_.now());
      return enough ? enough() : part.bytes.empty();
    });
  }
  void readAll() { readUntil({}); }

  Stream stream_;
  std::unique_ptr<FramesSink> sink_;
  FrameLog log_;
};

}  // namespace dormouse::sink::test
