// How do messages travel over a byte stream that may begin in the middle and carry noise?
//
// A frame is a header of fixed size, then the JSON text, then the blob:
//
//   offset size
//   0      4    magic "HFW1"
//   4      2    protocol version, little endian (kProtocolVersion)
//   6      2    zero
//   8      4    length of the JSON text, at most kMaxText
//   12     4    length of the blob, at most kMaxBlob
//   16     4    CRC-32 (IEEE) of text and blob
//   20     4    CRC-32 of the 20 bytes before
//
// A reader that finds no magic, or a header whose checksum is wrong, drops bytes until the next magic: a link to a
// kernel that has just been replaced may well begin with half a frame. Where text and blob do not have their checksum,
// the frame was cut and what follows it was taken for its rest: the reader looks for the next magic in there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace holdfast::wire {

inline constexpr uint16_t kProtocolVersion = 1;
inline constexpr size_t kHeaderSize = 24;
inline constexpr size_t kMaxText = size_t{1} << 20;
inline constexpr size_t kMaxBlob = size_t{4} << 20;

using Bytes = std::vector<std::byte>;

/// One message: a JSON object and bytes that go with it.
struct Message {
  std::string text;
  Bytes blob;
};

/// May `message` travel in one frame?
inline bool fits(const Message& message) { return message.text.size() <= kMaxText && message.blob.size() <= kMaxBlob; }

/// The bytes that carry `message`. Stops the program when it is over the limits: the sender must cut it.
std::string encode_frame(const Message& message);

/// A frame came that cannot be served: another protocol version, too long, or damaged. Its bytes have been dropped.
struct Malformed {
  enum class Fault { kVersion, kTooLong, kDamaged };
  std::string why;
  Fault fault = Fault::kDamaged;
};

/// Takes bytes as they come, gives messages as they are complete. Never grows beyond one frame of the largest size
/// plus what was fed last, provided that next() is called after each feed() until it gives nothing.
class FrameReader {
 public:
  void feed(std::string_view bytes);
  /// The next message, or what was wrong with one that was dropped; nothing when more bytes are needed.
  std::optional<std::variant<Message, Malformed>> next();
  /// Forgets a frame begun: the other end was replaced.
  void reset();
  /// Is there a frame that was begun and whose end has not come?
  bool in_frame() const { return skip_payload_ > 0 || buffered() > 0; }
  /// Takes the frame begun for cut: its end will not come. Looks for the next one in what came after its header; call
  /// next() again. For a line that has been silent for longer than any sender pauses in a frame.
  void give_up_frame();
  /// Bytes held because they may belong to a frame whose end has not come.
  size_t buffered() const { return buffer_.size() - begin_; }
  /// Bytes dropped so far because they belonged to no frame.
  size_t skipped() const { return skipped_; }

 private:
  std::string_view unread() const { return std::string_view(buffer_).substr(begin_); }
  void drop(size_t count);
  bool seek_magic();

  std::string buffer_;
  size_t begin_ = 0;         ///< of buffer_, where what was not used yet begins
  size_t skip_payload_ = 0;  ///< bytes still to come of a frame that cannot be served
  size_t skipped_ = 0;
};

}  // namespace holdfast::wire
