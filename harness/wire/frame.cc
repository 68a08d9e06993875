// How do messages travel over a byte stream? Little endian headers, CRC-32 by zlib.
#include "harness/wire/frame.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>

namespace holdfast::wire {
namespace {

constexpr std::string_view kMagic = "HFW1";

uint32_t checksum(std::string_view bytes) {
  // A frame is far below 4 GiB, so one call takes it all.
  return static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

void put_u16(std::string& out, uint16_t value) {
  out += static_cast<char>(value & 0xFF);
  out += static_cast<char>(value >> 8);
}

void put_u32(std::string& out, uint32_t value) {
  put_u16(out, static_cast<uint16_t>(value & 0xFFFF));
  put_u16(out, static_cast<uint16_t>(value >> 16));
}

uint32_t get_u16(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]) | static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 1])) << 8;
}

uint32_t get_u32(std::string_view bytes, size_t at) { return get_u16(bytes, at) | get_u16(bytes, at + 2) << 16; }

/// The fields of a header whose checksum is right.
struct Header {
  uint32_t version;
  uint32_t reserved;
  uint32_t text_size;
  uint32_t blob_size;
  uint32_t payload_crc;
  size_t payload() const { return size_t{text_size} + blob_size; }
};

std::optional<Header> read_header(std::string_view bytes) {
  if (get_u32(bytes, 20) != checksum(bytes.substr(0, 20))) return std::nullopt;
  return Header{.version = get_u16(bytes, 4),
                .reserved = get_u16(bytes, 6),
                .text_size = get_u32(bytes, 8),
                .blob_size = get_u32(bytes, 12),
                .payload_crc = get_u32(bytes, 16)};
}

/// Why a frame with this header cannot be served at all.
std::optional<Malformed> unservable(const Header& header) {
  if (header.version != kProtocolVersion || header.reserved != 0) {
    return Malformed{
        fmt::format("a frame of protocol version {} came; this end speaks {}", header.version, kProtocolVersion),
        Malformed::Fault::kVersion};
  }
  if (header.text_size > kMaxText || header.blob_size > kMaxBlob) {
    return Malformed{fmt::format("a frame is too long: {} bytes of text (at most {}) and {} of blob (at most {})",
                                 header.text_size, kMaxText, header.blob_size, kMaxBlob),
                     Malformed::Fault::kTooLong};
  }
  return std::nullopt;
}

}  // namespace

std::string encode_frame(const Message& message) {
  if (!fits(message)) std::abort();
  std::string frame(kMagic);
  frame.reserve(kHeaderSize + message.text.size() + message.blob.size());
  put_u16(frame, kProtocolVersion);
  put_u16(frame, 0);
  put_u32(frame, static_cast<uint32_t>(message.text.size()));
  put_u32(frame, static_cast<uint32_t>(message.blob.size()));
  uLong crc = checksum(message.text);
  if (!message.blob.empty()) {  // crc32() takes a null pointer for "begin anew"
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(message.blob.data()), static_cast<uInt>(message.blob.size()));
  }
  put_u32(frame, static_cast<uint32_t>(crc));
  put_u32(frame, checksum(frame));
  frame += message.text;
  frame.append(reinterpret_cast<const char*>(message.blob.data()), message.blob.size());
  return frame;
}

void FrameReader::feed(std::string_view bytes) {
  const size_t rest = std::min(skip_payload_, bytes.size());
  skip_payload_ -= rest;
  bytes.remove_prefix(rest);
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_ += bytes;
}

void FrameReader::drop(size_t count) { begin_ += count; }

/// Drops what cannot be the beginning of a frame. False when a whole header has not come yet.
bool FrameReader::seek_magic() {
  const std::string_view bytes = unread();
  size_t at = bytes.find(kMagic);
  if (at == std::string_view::npos) {
    // The end may be the beginning of a magic.
    size_t tail = std::min(bytes.size(), kMagic.size() - 1);
    while (tail > 0 && !kMagic.starts_with(bytes.substr(bytes.size() - tail))) --tail;
    at = bytes.size() - tail;
  }
  skipped_ += at;
  drop(at);
  return buffered() >= kHeaderSize;
}

std::optional<std::variant<Message, Malformed>> FrameReader::next() {
  while (skip_payload_ == 0 && seek_magic()) {
    const std::optional<Header> header = read_header(unread());
    if (!header) {
      ++skipped_;
      drop(1);
      continue;
    }
    if (auto fault = unservable(*header)) {
      const size_t here = std::min(header->payload(), buffered() - kHeaderSize);
      skip_payload_ = header->payload() - here;
      drop(kHeaderSize + here);
      return std::move(*fault);
    }
    if (buffered() < kHeaderSize + header->payload()) return std::nullopt;
    const std::string_view payload = unread().substr(kHeaderSize, header->payload());
    if (checksum(payload) != header->payload_crc) {
      drop(kHeaderSize);
      return Malformed{fmt::format("a frame of {} bytes is damaged", kHeaderSize + payload.size()),
                       Malformed::Fault::kDamaged};
    }
    const std::string_view blob = payload.substr(header->text_size);
    const auto* first = reinterpret_cast<const std::byte*>(blob.data());
    Message message{.text = std::string(payload.substr(0, header->text_size)),
                    .blob = Bytes(first, first + blob.size())};
    drop(kHeaderSize + payload.size());
    return message;
  }
  return std::nullopt;
}

void FrameReader::reset() {
  skipped_ += buffered();
  buffer_.clear();
  begin_ = 0;
  skip_payload_ = 0;
}

void FrameReader::give_up_frame() {
  skip_payload_ = 0;
  if (buffered() == 0) return;
  ++skipped_;
  drop(1);
}

}  // namespace holdfast::wire
