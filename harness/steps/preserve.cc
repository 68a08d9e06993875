// Step: an open file goes into a Live Update Orchestrator session.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/base/digest.h"
#include "harness/scenario.h"

namespace holdfast {
namespace {

/// Most of what the agent moves in one message; below wire::kMaxBlob.
constexpr uint64_t kPiece = uint64_t{1} << 20;

std::string_view as_text(const wire::Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

wire::Bytes random_bytes(uint64_t size) {
  // Content that cannot be there by accident; hex digits are random enough and quick to make.
  wire::Bytes bytes;
  bytes.reserve(size);
  while (bytes.size() < size) {
    for (const char c : random_hex(128)) bytes.push_back(static_cast<std::byte>(c));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace

Result<Session> Scenario::create_session(Running& kernel, const std::string& name) {
  const auto reply = TRY(call(Phase::kPreserve, kernel, wire::LuoSessionCreate{.name = name}));
  return Session{.name = name, .handle = reply.handle};
}

Result<void> Scenario::close_session(Running& kernel, const Session& session) {
  TRY(call(Phase::kPreserve, kernel, wire::Close{.handle = session.handle}));
  return {};
}

Result<void> Scenario::preserve(Running& kernel, const Session& session, const Bound& bound, uint64_t token) {
  auto done =
      call(Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = bound.cdev, .token = token});
  if (done) return {};
  if (done.error().errnum == ENOENT && !kernel.kernel().config) {
    return cannot(
        fmt::format("the kernel has no handler for vfio-pci files (preserving {} answers ENOENT), and shows no "
                    "configuration that promises one",
                    bound.device.bdf));
  }
  return std::move(done).error();
}

Result<void> Scenario::preserve(Running& kernel, const Session& session, const Memory& memory, uint64_t token) {
  TRY(call(Phase::kPreserve, kernel,
           wire::LuoPreserve{.session = session.handle, .file = memory.memfd, .token = token}));
  return {};
}

Result<Memory> Scenario::create_memory(Running& kernel, uint64_t size) {
  return in_phase<Memory>(Phase::kPreserve, [&](const Deadline& deadline) -> Result<Memory> {
    const auto made = TRY(kernel.agent().call(wire::MemfdCreate{.name = "holdfast", .size = size}, deadline));
    Memory memory{.memfd = made.handle, .size = size, .sha256 = {}};
    Digest digest;
    for (uint64_t at = 0; at < size; at += kPiece) {
      wire::MemfdWrite write{.memfd = memory.memfd, .offset = at, .blob = random_bytes(std::min(kPiece, size - at))};
      digest.add(as_text(write.blob));
      TRY(kernel.agent().call(write, deadline));
    }
    memory.sha256 = digest.hex();
    return memory;
  });
}

Result<std::string> Scenario::digest_of(Running& kernel, const Memory& memory) {
  return in_phase<std::string>(Phase::kExercise, [&](const Deadline& deadline) -> Result<std::string> {
    Digest digest;
    for (uint64_t at = 0; at < memory.size; at += kPiece) {
      const auto length = static_cast<uint32_t>(std::min(kPiece, memory.size - at));
      const auto part =
          TRY(kernel.agent().call(wire::MemfdRead{.memfd = memory.memfd, .offset = at, .length = length}, deadline));
      digest.add(as_text(part.blob));
    }
    return digest.hex();
  });
}

}  // namespace holdfast
