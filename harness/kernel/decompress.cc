// What is inside a compressed kernel payload? The only user of zlib in the controller.
#include "harness/kernel/decompress.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <optional>
#include <vector>

#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/kernel/little_endian.h"

namespace holdfast {
namespace {

using std::string_view_literals::operator""sv;

struct Format {
  std::string_view name;
  std::string_view magic;
  std::vector<std::string> argv;  ///< a program that reads the compressed bytes and writes the content
  std::string_view package;       ///< Debian's, which holds the program
};

const std::array<Format, 8>& formats() {
  static const std::array<Format, 8> kFormats{{
      {"gzip", "\x1f\x8b"sv, {}, ""},
      {"xz", "\xfd\x37zXZ\0"sv, {"xz", "--format=xz", "-dc"}, "xz-utils"},
      {"zstd", "\x28\xb5\x2f\xfd"sv, {"zstd", "-dcq"}, "zstd"},
      {"lz4", "\x02\x21\x4c\x18"sv, {"lz4", "-dcq"}, "lz4"},
      {"lzma", "\x5d\x00\x00"sv, {"xz", "--format=lzma", "-dc"}, "xz-utils"},
      {"bzip2", "BZh"sv, {"bzip2", "-dc"}, "bzip2"},
      {"lzo", "\x89LZO\0"sv, {"lzop", "-dc"}, "lzop"},
      {"none",
       "\x7f"
       "ELF"sv,
       {},
       ""},
  }};
  return kFormats;
}

const Format* format_of(std::string_view bytes) {
  for (const Format& format : formats()) {
    if (bytes.starts_with(format.magic)) return &format;
  }
  return nullptr;
}

Error damaged(std::string what) { return lab_error("damaged", std::move(what)); }

/// A kernel of 2 GB does not exist; a damaged length must not make us reserve that much.
constexpr size_t kLargestContent = size_t{1} << 30;

Result<std::string> run_program(const Format& format, std::string_view compressed, const Deadline& deadline) {
  if (!find_program(format.argv[0])) {
    return lab_error("tool", fmt::format("the kernel is compressed with {}, and the program {} is not installed",
                                         format.name, format.argv[0]))
        .because(fmt::format("apt-get install {}", format.package));
  }
  Output output =
      TRY(run({.argv = format.argv}, deadline.at_most(std::chrono::minutes(1)), compressed, kLargestContent));
  if (!output.status.success()) {
    return damaged(fmt::format("{} cannot unpack the kernel: {}", format.argv[0], output.status.describe()))
        .with("stderr", output.err);
  }
  return std::move(output.out);
}

}  // namespace

std::string_view compression_of(std::string_view bytes) {
  const Format* format = format_of(bytes);
  return format != nullptr ? format->name : std::string_view();
}

Result<std::string> inflate_gzip(std::string_view bytes) {
  constexpr int kGzipWindow = 16 + MAX_WBITS;  // zlib.h, inflateInit2: 16 more asks for the gzip format
  z_stream stream{};
  if (::inflateInit2(&stream, kGzipWindow) != Z_OK) return harness_error("zlib", "zlib refuses to start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string content;
  std::vector<char> piece(1 << 18);
  int state = Z_OK;
  while (state == Z_OK && content.size() <= kLargestContent) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    state = ::inflate(&stream, Z_NO_FLUSH);
    content.append(piece.data(), piece.size() - stream.avail_out);
  }
  ::inflateEnd(&stream);
  if (state != Z_STREAM_END) return damaged("a gzip stream is damaged or cut short");
  return content;
}

Result<std::string> unpack_payload(std::string_view payload, const Deadline& deadline) {
  const Format* format = format_of(payload);
  if (format == nullptr) {
    std::string begins;
    for (const char c : payload.substr(0, 4)) begins += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return damaged(fmt::format("the kernel's payload begins with {}, which no known compression does", begins));
  }
  if (format->name == "none") return std::string(payload);
  constexpr size_t kTrailer = 4;
  if (payload.size() <= kTrailer) return damaged("the kernel's payload is too short");
  const uint32_t length = le32(payload, payload.size() - kTrailer);
  // gzip's own trailer is this length, so it has nothing appended.
  std::string content = format->argv.empty()
                            ? TRY(inflate_gzip(payload))
                            : TRY(run_program(*format, payload.substr(0, payload.size() - kTrailer), deadline));
  if (content.size() != length) {
    return damaged(
        fmt::format("the kernel's payload has {} bytes where its trailer promises {}", content.size(), length));
  }
  return content;
}

}  // namespace holdfast
