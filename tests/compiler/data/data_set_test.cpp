#include "compiler/data/data_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include "compiler/data/npz.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"

namespace tegula::data {
namespace {

using test::TemporaryFolder;
using ::testing::HasSubstr;

Tensor counting(DType dtype, Dims dims) {
  Tensor tensor = *make_tensor(dtype, std::move(dims));
  for (std::size_t i = 0; i < tensor.bytes.size(); i += size_of(dtype)) tensor.bytes[i] = std::byte(i / size_of(dtype));
  return tensor;
}

const DataSetOptions kOneInput{{"x"}, {"y"}, {}};

TEST(DataSet, AnArchiveIsOneSample) {
  const TemporaryFolder folder;
  ASSERT_TRUE(
      write_npz(folder / "a.npz", {{"x", counting(DType::kS32, {2, 3})}, {"y", counting(DType::kS32, {2})}}).ok());
  const auto set = DataSet::open(folder / "a.npz", kOneInput);
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 1u);
  EXPECT_FALSE(set->has_labels());
  const auto sample = set->load(0);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ(sample->inputs[0].tensor.dims, (Dims{2, 3}));
  EXPECT_EQ(sample->outputs[0].name, "y");
  EXPECT_EQ(sample->name, "a.npz");
}

/// The same for a model whose first dimension counts samples.
const DataSetOptions kRows{{"x"}, {"y"}, {}, true};

TEST(DataSet, RowsAreSamplesWhereTheModelCountsThem) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_npz(folder / "a.npz", {{"x", counting(DType::kS32, {3, 2})},
                                           {"y", counting(DType::kS32, {3})},
                                           {"id", counting(DType::kS32, {7})}})
                  .ok());
  const auto set = DataSet::open(folder / "a.npz", kRows);
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 3u);
  EXPECT_FALSE(set->has_labels());
  EXPECT_EQ(set->description(), "3 samples, the rows of 'x' (s32[3,2]); not used: 'id' (s32[7])");
  const auto sample = set->load(2);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ(sample->name, "a.npz row 2");
  EXPECT_EQ(sample->inputs[0].tensor.dims, (Dims{1, 2}));
  EXPECT_EQ(sample->inputs[0].tensor.elements<int32_t>()[1], 5);
  EXPECT_EQ(sample->outputs[0].tensor.dims, Dims{1});
  // Unless arrays have other numbers of rows, or the user says that the file is one.
  ASSERT_TRUE(
      write_npz(folder / "b.npz", {{"x", counting(DType::kS32, {3, 2})}, {"y", counting(DType::kS32, {2})}}).ok());
  const auto whole = DataSet::open(folder / "b.npz", kRows);
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(whole->size(), 1u);
  EXPECT_EQ(whole->description(), "1 sample: 'x' (s32[3,2])");
  DataSetOptions said = kRows;
  said.preprocessing = *parse_preprocessing("samples=file");
  EXPECT_EQ(DataSet::open(folder / "a.npz", said)->size(), 1u);
  said.rows_are_samples = false;
  EXPECT_EQ(DataSet::open(folder / "a.npz", said)->size(), 1u);
  said.preprocessing = *parse_preprocessing("samples=rows");
  EXPECT_EQ(DataSet::open(folder / "a.npz", said)->size(), 3u);
  EXPECT_THAT(DataSet::open(folder / "b.npz", said).error().message,
              HasSubstr("array 'y' (s32[2]) does not have the 3 rows of array 'x' (s32[3,2]), which are samples"));
  EXPECT_THAT(parse_preprocessing("samples=all").error().message, HasSubstr("'samples=all' is not understood"));
}

TEST(DataSet, ArraysInFilesOfTheirOwnAreAnArchive) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_npy(folder / "x.npy", counting(DType::kF32, {4, 2})).ok());
  ASSERT_TRUE(write_npy(folder / "labels.npy", counting(DType::kS64, {4})).ok());
  const auto set = DataSet::open(folder.path(), kOneInput);
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_EQ(set->size(), 4u);
  EXPECT_EQ(set->load(3)->label, 3);
  const auto alone = DataSet::open(folder / "x.npy", kRows);
  ASSERT_TRUE(alone.ok()) << alone.error().message;
  EXPECT_EQ(alone->description(), "4 samples, the rows of 'x' (f32[4,2])");
  EXPECT_THAT(DataSet::open(folder.path(), {{"z"}, {}, {}}).error().message,
              HasSubstr("no file is named after the input 'z'; the inputs are 'z'"));
}

TEST(DataSet, FoldersOfArchivesHaveTheRowsOfAll) {
  const TemporaryFolder folder;
  for (const char* name : {"a.npz", "b.npz"})
    ASSERT_TRUE(
        write_npz(folder / name, {{"x", counting(DType::kF32, {2, 3})}, {"target", counting(DType::kS64, {2})}}).ok());
  DataSetOptions options = kRows;
  const auto set = DataSet::open(folder.path(), options);
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 4u);
  for (const std::size_t i : {std::size_t{3}, std::size_t{0}, std::size_t{2}, std::size_t{1}}) {
    const auto sample = set->load(i);
    ASSERT_TRUE(sample.ok()) << sample.error().message;
    EXPECT_EQ(sample->name, concat(i < 2 ? "a" : "b", ".npz row ", i % 2));
    EXPECT_EQ(sample->inputs[0].tensor.elements<float>().size(), 3u);
  }
  EXPECT_EQ(set->description(),
            "4 samples in 2 archives, the first with 2 samples, the rows of 'x' (f32[2,3]); not "
            "used: 'target' (s64[2])");
  // Labels by another name, without a preprocessing of pictures.
  options.preprocessing = *parse_preprocessing("labels=target");
  EXPECT_TRUE(DataSet::open(folder.path(), options)->has_labels());
  options.preprocessing = *parse_preprocessing("labels=class");
  EXPECT_THAT(DataSet::open(folder.path(), options).error().message,
              HasSubstr("there is no array 'class' of labels; there are 'x' (f32[2,3]), 'target' (s64[2])"));
}

TEST(DataSet, LabelsSplitAnArchiveIntoRows) {
  const TemporaryFolder folder;
  // One input: the array's own name does not matter.
  ASSERT_TRUE(
      write_npz(folder / "a.npz", {{"images", counting(DType::kU8, {3, 2})}, {"labels", counting(DType::kS64, {3})}})
          .ok());
  const auto set = DataSet::open(folder / "a.npz", kOneInput);
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 3u);
  EXPECT_TRUE(set->has_labels());
  const auto sample = set->load(2);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ(sample->label, 2);
  EXPECT_EQ(sample->inputs[0].name, "x");
  EXPECT_EQ(sample->inputs[0].tensor.dims, (Dims{1, 2}));
  EXPECT_EQ(sample->inputs[0].tensor.elements<uint8_t>()[1], 5);

  ASSERT_TRUE(
      write_npz(folder / "b.npz", {{"x", counting(DType::kU8, {2, 2})}, {"labels", counting(DType::kS64, {3})}}).ok());
  EXPECT_THAT(DataSet::open(folder / "b.npz", kOneInput).error().message,
              HasSubstr("3 labels for the 2 rows of array 'x' (u8[2,2])"));
}

/// Options for a model of one input, with this preprocessing.
DataSetOptions pictures(std::string_view words) {
  return {{"x"}, {"y"}, *parse_preprocessing(words)};
}

TEST(DataSet, AnArrayOfPixelsIsAsManyImages) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_npz(folder / "a.npz", {{"pixels", counting(DType::kU8, {2, 4, 5, 3})},
                                           {"index", counting(DType::kS64, {2})},
                                           {"labels", counting(DType::kS64, {2})},
                                           {"y", counting(DType::kF32, {2, 7})}})
                  .ok());
  const auto set = DataSet::open(folder / "a.npz", pictures("scale=1/2 mean=1,2,3 std=2 layout=nchw"));
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 2u);
  EXPECT_TRUE(set->has_labels());
  const auto sample = set->load(1);
  ASSERT_TRUE(sample.ok()) << sample.error().message;
  EXPECT_EQ(sample->label, 1);
  EXPECT_EQ(sample->outputs[0].tensor.dims, (Dims{1, 7}));
  ASSERT_EQ(sample->inputs.size(), 1u);
  EXPECT_EQ(sample->inputs[0].name, "x");
  EXPECT_EQ(sample->inputs[0].tensor.dims, (Dims{1, 3, 4, 5}));
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t pixel = 0; pixel < 20; ++pixel) {
      const auto value = static_cast<float>(60 + pixel * 3 + c);
      EXPECT_EQ(sample->inputs[0].tensor.elements<float>()[c * 20 + pixel],
                (value * 0.5f - static_cast<float>(c + 1)) / 2);
    }
}

TEST(DataSet, PixelsLieChannelsFirstLastOrGrey) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_npz(folder / "first.npz", {{"a", counting(DType::kU8, {2, 3, 4, 5})}}).ok());
  ASSERT_TRUE(write_npz(folder / "grey.npz", {{"a", counting(DType::kU8, {2, 4, 5})}}).ok());
  ASSERT_TRUE(write_npz(folder / "either.npz", {{"a", counting(DType::kU8, {2, 3, 4, 3})}}).ok());
  const auto load = [&](const char* file, std::string_view words) {
    const auto set = DataSet::open(folder / file, pictures(words));
    EXPECT_TRUE(set.ok()) << set.error().message;
    EXPECT_EQ(set->size(), 2u) << "each picture is a sample, with labels or without";
    return set->load(1)->inputs[0].tensor;
  };
  const Tensor first = load("first.npz", "layout=nhwc type=u8");
  EXPECT_EQ(first.dims, (Dims{1, 4, 5, 3}));
  EXPECT_EQ(first.elements<uint8_t>()[4], 60 + 20 + 1) << "pixel 1, channel 1";
  const Tensor grey = load("grey.npz", "array=a channels=gray");
  EXPECT_EQ(grey.dims, (Dims{1, 1, 4, 5}));
  EXPECT_EQ(grey.elements<float>()[7], 27);
  EXPECT_EQ(load("either.npz", "source=nhwc").dims, (Dims{1, 3, 3, 4}));
  EXPECT_EQ(load("either.npz", "source=nchw").dims, (Dims{1, 3, 4, 3}));
  EXPECT_THAT(DataSet::open(folder / "either.npz", pictures("")).error().message,
              HasSubstr("source=nchw or source=nhwc"));
}

TEST(DataSet, SaysWhatIsWrongWithPixels) {
  const TemporaryFolder folder;
  const auto message = [&](const std::vector<NamedTensor>& arrays, std::string_view words) {
    std::vector<NamedSpan> spans;
    for (const NamedTensor& array : arrays) spans.push_back({array.name, array.tensor});
    EXPECT_TRUE(write_npz(folder / "a.npz", spans).ok());
    const auto set = DataSet::open(folder / "a.npz", pictures(words));
    return set.ok() ? "opened" : set.error().message;
  };
  const NamedTensor pixels{"p", counting(DType::kU8, {2, 4, 5, 3})};
  EXPECT_THAT(message({pixels}, "array=q"), HasSubstr("there is no array 'q'; there are 'p' (u8[2,4,5,3])"));
  EXPECT_THAT(message({{"p", counting(DType::kF32, {2, 4, 5, 3})}}, "array=p"),
              HasSubstr("array 'p' (f32[2,4,5,3]) holds no pictures: pixels are u8"));
  EXPECT_THAT(message({{"p", counting(DType::kU8, {2, 4})}}, "array=p"), HasSubstr("[n, height, width, channels]"));
  EXPECT_THAT(message({{"p", counting(DType::kU8, {2, 4, 5, 7})}}, "array=p"), HasSubstr("one channel or three"));
  EXPECT_THAT(message({pixels, {"q", pixels.tensor}}, ""), HasSubstr("say which with array=NAME"));
  EXPECT_THAT(message({pixels, {"labels", counting(DType::kS64, {3})}}, ""),
              HasSubstr("3 labels for the 2 rows of array 'p' (u8[2,4,5,3])"));
  EXPECT_THAT(message({pixels}, "labels=classes"), HasSubstr("there is no array 'classes' of labels"));
  EXPECT_THAT(message({pixels, {"labels", counting(DType::kF32, {2})}}, ""), HasSubstr("not a vector of integers"));
  EXPECT_THAT(message({{"p", counting(DType::kU8, {2, 0, 5, 3})}}, ""), HasSubstr("empty pictures"));
  // Other arrays are what they are without a preprocessing.
  EXPECT_EQ(message({{"x", counting(DType::kF32, {2, 4})}}, "scale=2"), "opened");
  EXPECT_EQ(message({pixels, {"classes", counting(DType::kS64, {2})}}, "labels=classes"), "opened");
  EXPECT_THAT(parse_preprocessing("source=hwc").error().message, HasSubstr("'source=hwc' is not understood"));
  EXPECT_THAT(parse_preprocessing("array=").error().message, HasSubstr("not understood"));
}

TEST(DataSet, NamesTheInputThatIsMissing) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_npz(folder / "a.npz", {{"ids", counting(DType::kS64, {1})}}).ok());
  const auto set = DataSet::open(folder / "a.npz", {{"ids", "mask"}, {}, {}});
  ASSERT_FALSE(set.ok());
  EXPECT_THAT(set.error().message,
              HasSubstr("no array is named after the input 'mask'; the inputs are 'ids', 'mask', the "
                        "arrays 'ids' (s64[1])"));
}

TEST(DataSet, ReadsFoldersOfArrays) {
  const TemporaryFolder folder;
  for (const char* name : {"b.npz", "a.npz"})
    ASSERT_TRUE(write_npz(folder / name, {{"x", counting(DType::kF32, {1})}}).ok());
  const auto archives = DataSet::open(folder.path(), kOneInput);
  ASSERT_TRUE(archives.ok()) << archives.error().message;
  ASSERT_EQ(archives->size(), 2u);
  EXPECT_EQ(archives->load(0)->name, "a.npz");

  const TemporaryFolder arrays;
  ASSERT_TRUE(write_npy(arrays / "a_b.npy", counting(DType::kF32, {2})).ok());
  ASSERT_TRUE(write_npy(arrays / "y.npy", counting(DType::kF32, {3})).ok());
  const auto one = DataSet::open(arrays.path(), {{"a/b"}, {"y", "z"}, {}});
  ASSERT_TRUE(one.ok()) << one.error().message;
  const auto sample = one->load(0);
  ASSERT_TRUE(sample.ok()) << sample.error().message;
  EXPECT_EQ(sample->inputs[0].name, "a/b");
  ASSERT_EQ(sample->outputs.size(), 1u);
  EXPECT_EQ(sample->outputs[0].tensor.dims, Dims{3});
}

TEST(DataSet, ReadsOnnxTestFoldersInTheirOrder) {
  const TemporaryFolder folder;
  const std::string_view tensor("\x08\x01\x10\x02\x4a\x01\x07", 7);  // u8[1] = {7}
  for (const char* name : {"test_data_set_10", "test_data_set_9"}) {
    folder.write(std::string(name) + "/input_0.pb", tensor);
    folder.write(std::string(name) + "/output_0.pb", tensor);
  }
  const auto set = DataSet::open(folder.path(), kOneInput);
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 2u);
  const auto sample = set->load(0);
  ASSERT_TRUE(sample.ok()) << sample.error().message;
  EXPECT_EQ(sample->name, "test_data_set_9");
  EXPECT_EQ(sample->inputs[0].name, "x");
  EXPECT_EQ(sample->outputs[0].tensor.elements<uint8_t>()[0], 7);
  EXPECT_EQ(DataSet::open(folder / "test_data_set_9", kOneInput)->size(), 1u);
  folder.write("test_data_set_9/input_1.pb", tensor);
  EXPECT_THAT(set->load(0).error().message, HasSubstr("the model has only 1 inputs"));
}

TEST(DataSet, ReadsImagesWithLabels) {
  const TemporaryFolder folder;
  const uint8_t pixels[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = png.height = 2;
  png.format = PNG_FORMAT_RGB;
  for (const char* name : {"a.PNG", "b.png"})
    ASSERT_NE(png_image_write_to_file(&png, (folder / name).c_str(), 0, pixels, 0, nullptr), 0);
  EXPECT_THAT(DataSet::open(folder.path(), kOneInput).error().message, HasSubstr("needs its preprocessing"));
  const DataSetOptions options{{"x"}, {}, Preprocessing{}};
  EXPECT_EQ(DataSet::open(folder.path(), options)->size(), 2u);
  folder.write("labels.csv", "file,class_index\nb.png,3\nc.png,4\n");
  EXPECT_THAT(DataSet::open(folder.path(), options).error().message,
              HasSubstr("labels.csv': line 3: there is no file 'c.png'"));
  folder.write("labels.csv", "file,class_index\nb.png,3\r\n");
  const auto set = DataSet::open(folder.path(), options);
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 1u);
  EXPECT_TRUE(set->has_labels());
  const auto sample = set->load(0);
  ASSERT_TRUE(sample.ok()) << sample.error().message;
  EXPECT_EQ(sample->label, 3);
  EXPECT_EQ(sample->inputs[0].tensor.elements<float>()[1], 4.0f);
  EXPECT_FALSE(DataSet::open(folder.path(), {{"x", "z"}, {}, Preprocessing{}}).ok());
}

TEST(DataSet, RefusesLabelsThatPointOutside) {
  const TemporaryFolder folder;
  for (const char* text :
       {"../x.png,1\n", "/etc/passwd,1\n", "a.png,1\nb.png,x\n", "a.png,-1\nb.png,-1", "", "file,class_index\n"})
    EXPECT_FALSE(read_labels(folder.write("labels.csv", text)).ok()) << text;
}

TEST(DataSet, SaysWhatItFoundInstead) {
  const TemporaryFolder folder;
  EXPECT_THAT(DataSet::open(folder / "absent", kOneInput).error().message, HasSubstr("no such file or folder"));
  EXPECT_THAT(DataSet::open(folder.path(), kOneInput).error().message, HasSubstr("holds no .npz"));
  EXPECT_THAT(DataSet::open(folder.write("x.txt", ""), kOneInput).error().message,
              HasSubstr("neither an archive (.npz, .npy) nor a folder"));
}

}  // namespace
}  // namespace tegula::data
