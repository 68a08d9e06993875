// Which files were given to this target: carried in its payload, or sent?
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/digest.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"
#include "harness/wire/verbs_system.h"

namespace holdfast::agent {

/// Files by the SHA-256 of their content. What is carried in the payload is believed to be what its name says; what is
/// sent is checked, and has no name before that.
class Files {
 public:
  /// `carried` is the payload's folder, `work` one that is made for what is sent, when it is.
  Files(std::filesystem::path carried, std::filesystem::path work)
      : carried_(std::move(carried)), work_(std::move(work)) {}

  /// Where the file is, if it is here.
  std::optional<std::filesystem::path> find(const std::string& sha256) const;
  /// Opened for reading. Errors: the request's when it is not here.
  Result<Fd> open(const std::string& sha256) const;
  /// Takes the next piece; one at offset 0 begins anew. Errors: the request's when the piece is not the next one or the
  /// whole has another checksum, both of which throw away what came so far; the target's when there is no space.
  Result<wire::PutReply> put(const wire::Put& piece);
  /// Removes what was sent.
  void remove_work() const;

 private:
  struct Upload {
    std::string sha256;
    uint64_t total;
    uint64_t received;
    Fd fd;
    Digest digest;
  };
  Result<void> begin(const wire::Put& piece);
  /// All of it has come: checks it and gives it its name.
  Result<void> end(Upload done) const;
  std::filesystem::path partial() const { return work_ / "incoming"; }

  std::filesystem::path carried_;
  std::filesystem::path work_;
  std::optional<Upload> upload_;
};

}  // namespace holdfast::agent
