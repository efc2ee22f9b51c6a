#include <png.h>
#include <turbojpeg.h>

#include <memory>
#include <new>

#include "compiler/data/files.h"
#include "compiler/data/image.h"
#include "compiler/data/tensor_data.h"

namespace tegula::data {
namespace {

constexpr std::string_view kJpegStart = "\xff\xd8\xff";
constexpr std::string_view kPngStart = "\x89PNG\r\n\x1a\n";

Error damaged(std::string_view what, std::string_view why) {
  return {ErrorCode::kInvalidFile, concat(what, ": ", why)};
}

Result<Image> allocate(int64_t height, int64_t width, std::string_view what) {
  if (height < 1 || width < 1 || height > kMaxPixels / width)
    return damaged(what, concat("an image of ", width, " x ", height, " pixels is not read"));
  Image image{height, width, {}};
  try {
    image.rgb.resize(static_cast<std::size_t>(height * width * 3));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, concat(what, ": no memory for its pixels")};
  }
  return image;
}

Result<Image> decode_jpeg(std::string_view bytes, std::string_view what) {
  struct Destroy {
    void operator()(void* handle) const { tjDestroy(handle); }
  };
  const std::unique_ptr<void, Destroy> decoder(tjInitDecompress());
  if (!decoder) return Error{ErrorCode::kOutOfMemory, concat(what, ": no memory for the JPEG decoder")};
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, colorspace = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &subsampling, &colorspace) != 0)
    return damaged(what, concat("not a readable JPEG (", tjGetErrorStr2(decoder.get()), ")"));
  if (colorspace == TJCS_CMYK || colorspace == TJCS_YCCK)
    return damaged(what, "CMYK images are not read; convert it to RGB");
  TEGULA_ASSIGN_OR_RETURN(Image image, allocate(height, width, what));
  // Any warning counts as damage: the library cannot tell a cosmetic one from missing rows.
  if (tjDecompress2(decoder.get(), data, bytes.size(), image.rgb.data(), width, 0, height, TJPF_RGB, 0) != 0)
    return damaged(what, concat("a damaged JPEG (", tjGetErrorStr2(decoder.get()), ")"));
  return image;
}

Result<Image> decode_png(std::string_view bytes, std::string_view what) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0)
    return damaged(what, concat("not a readable PNG (", static_cast<const char*>(png.message), ")"));
  png.format = PNG_FORMAT_RGB;
  auto image = allocate(png.height, png.width, what);
  if (!image.ok()) {
    png_image_free(&png);
    return image;
  }
  constexpr png_color kBlack{0, 0, 0};
  if (png_image_finish_read(&png, &kBlack, image->rgb.data(), 0, nullptr) == 0)
    return damaged(what, concat("a damaged PNG (", static_cast<const char*>(png.message), ")"));
  return image;
}

}  // namespace

Result<Image> decode_image(std::string_view bytes, std::string_view what) {
  if (bytes.starts_with(kJpegStart)) return decode_jpeg(bytes, what);
  if (bytes.starts_with(kPngStart)) return decode_png(bytes, what);
  return damaged(what, "neither a JPEG nor a PNG");
}

Result<Image> read_image(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  return decode_image(bytes, in_quotes(path.native()));
}

}  // namespace tegula::data
