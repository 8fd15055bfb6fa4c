;; What takes nearly all of the time of a fit on the phone (serving/web/learn/kernel.js): the scores of four rows by a head and what
;; their errors add to its slope, and two things that L-BFGS does with vectors. `python tools/assemble_kernel.py` after a change.
;;
;; A row is of floats in `width` bytes, a multiple of 16. All else is of doubles: `head` and `sums` by class and feature, `scores` and
;; `errors` by class and row. Scores are as exact as doubles; the products with errors are floats, of which only four are added before
;; they become doubles.

(module
  (memory (export "memory") 1)

  ;; scores[class, row] = head[class] · rows[row]
  (func (export "multiply")
    (param $rows i32) (param $width i32) (param $head i32) (param $classes i32) (param $scores i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $end i32)
    (local $weights v128) (local $p v128) (local $q v128) (local $r v128) (local $s v128)
    (loop $class
      (local.set $a (local.get $rows))
      (local.set $b (i32.add (local.get $a) (local.get $width)))
      (local.set $c (i32.add (local.get $b) (local.get $width)))
      (local.set $d (i32.add (local.get $c) (local.get $width)))
      (local.set $end (local.get $b))
      (local.set $p (v128.const i64x2 0 0))
      (local.set $q (v128.const i64x2 0 0))
      (local.set $r (v128.const i64x2 0 0))
      (local.set $s (v128.const i64x2 0 0))
      (loop $along
        (local.set $weights (v128.load (local.get $head)))
        (local.set $p (f64x2.add (local.get $p)
          (f64x2.mul (local.get $weights) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $a))))))
        (local.set $q (f64x2.add (local.get $q)
          (f64x2.mul (local.get $weights) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $b))))))
        (local.set $r (f64x2.add (local.get $r)
          (f64x2.mul (local.get $weights) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $c))))))
        (local.set $s (f64x2.add (local.get $s)
          (f64x2.mul (local.get $weights) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $d))))))
        (local.set $head (i32.add (local.get $head) (i32.const 16)))
        (local.set $a (i32.add (local.get $a) (i32.const 8)))
        (local.set $b (i32.add (local.get $b) (i32.const 8)))
        (local.set $c (i32.add (local.get $c) (i32.const 8)))
        (local.set $d (i32.add (local.get $d) (i32.const 8)))
        (br_if $along (i32.lt_u (local.get $a) (local.get $end))))
      (f64.store offset=0 (local.get $scores)
        (f64.add (f64x2.extract_lane 0 (local.get $p)) (f64x2.extract_lane 1 (local.get $p))))
      (f64.store offset=8 (local.get $scores)
        (f64.add (f64x2.extract_lane 0 (local.get $q)) (f64x2.extract_lane 1 (local.get $q))))
      (f64.store offset=16 (local.get $scores)
        (f64.add (f64x2.extract_lane 0 (local.get $r)) (f64x2.extract_lane 1 (local.get $r))))
      (f64.store offset=24 (local.get $scores)
        (f64.add (f64x2.extract_lane 0 (local.get $s)) (f64x2.extract_lane 1 (local.get $s))))
      (local.set $scores (i32.add (local.get $scores) (i32.const 32)))
      (br_if $class (local.tee $classes (i32.sub (local.get $classes) (i32.const 1))))))

  ;; sums[class] += errors[class] · rows
  (func (export "multiplyBack")
    (param $rows i32) (param $width i32) (param $errors i32) (param $classes i32) (param $sums i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $end i32)
    (local $p v128) (local $q v128) (local $r v128) (local $s v128) (local $four v128)
    (loop $class
      (local.set $p (f32x4.splat (f32.demote_f64 (f64.load offset=0 (local.get $errors)))))
      (local.set $q (f32x4.splat (f32.demote_f64 (f64.load offset=8 (local.get $errors)))))
      (local.set $r (f32x4.splat (f32.demote_f64 (f64.load offset=16 (local.get $errors)))))
      (local.set $s (f32x4.splat (f32.demote_f64 (f64.load offset=24 (local.get $errors)))))
      (local.set $a (local.get $rows))
      (local.set $b (i32.add (local.get $a) (local.get $width)))
      (local.set $c (i32.add (local.get $b) (local.get $width)))
      (local.set $d (i32.add (local.get $c) (local.get $width)))
      (local.set $end (local.get $b))
      (loop $along
        (local.set $four (f32x4.add
          (f32x4.add
            (f32x4.mul (local.get $p) (v128.load (local.get $a)))
            (f32x4.mul (local.get $q) (v128.load (local.get $b))))
          (f32x4.add
            (f32x4.mul (local.get $r) (v128.load (local.get $c)))
            (f32x4.mul (local.get $s) (v128.load (local.get $d))))))
        (v128.store offset=0 (local.get $sums)
          (f64x2.add (v128.load offset=0 (local.get $sums)) (f64x2.promote_low_f32x4 (local.get $four))))
        (local.set $four (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $four) (local.get $four)))
        (v128.store offset=16 (local.get $sums)
          (f64x2.add (v128.load offset=16 (local.get $sums)) (f64x2.promote_low_f32x4 (local.get $four))))
        (local.set $sums (i32.add (local.get $sums) (i32.const 32)))
        (local.set $a (i32.add (local.get $a) (i32.const 16)))
        (local.set $b (i32.add (local.get $b) (i32.const 16)))
        (local.set $c (i32.add (local.get $c) (i32.const 16)))
        (local.set $d (i32.add (local.get $d) (i32.const 16)))
        (br_if $along (i32.lt_u (local.get $a) (local.get $end))))
      (local.set $errors (i32.add (local.get $errors) (i32.const 32)))
      (br_if $class (local.tee $classes (i32.sub (local.get $classes) (i32.const 1))))))

  ;; of two vectors of `bytes` bytes, a multiple of 32
  (func (export "dot") (param $a i32) (param $b i32) (param $bytes i32) (result f64)
    (local $end i32) (local $p v128) (local $q v128)
    (local.set $end (i32.add (local.get $a) (local.get $bytes)))
    (loop $along
      (local.set $p (f64x2.add (local.get $p)
        (f64x2.mul (v128.load offset=0 (local.get $a)) (v128.load offset=0 (local.get $b)))))
      (local.set $q (f64x2.add (local.get $q)
        (f64x2.mul (v128.load offset=16 (local.get $a)) (v128.load offset=16 (local.get $b)))))
      (local.set $a (i32.add (local.get $a) (i32.const 32)))
      (local.set $b (i32.add (local.get $b) (i32.const 32)))
      (br_if $along (i32.lt_u (local.get $a) (local.get $end))))
    (local.set $p (f64x2.add (local.get $p) (local.get $q)))
    (f64.add (f64x2.extract_lane 0 (local.get $p)) (f64x2.extract_lane 1 (local.get $p))))

  ;; a += share · b, likewise
  (func (export "add") (param $a i32) (param $share f64) (param $b i32) (param $bytes i32)
    (local $end i32) (local $part v128)
    (local.set $end (i32.add (local.get $a) (local.get $bytes)))
    (local.set $part (f64x2.splat (local.get $share)))
    (loop $along
      (v128.store offset=0 (local.get $a)
        (f64x2.add (v128.load offset=0 (local.get $a)) (f64x2.mul (local.get $part) (v128.load offset=0 (local.get $b)))))
      (v128.store offset=16 (local.get $a)
        (f64x2.add (v128.load offset=16 (local.get $a)) (f64x2.mul (local.get $part) (v128.load offset=16 (local.get $b)))))
      (local.set $a (i32.add (local.get $a) (i32.const 32)))
      (local.set $b (i32.add (local.get $b) (i32.const 32)))
      (br_if $along (i32.lt_u (local.get $a) (local.get $end))))))
