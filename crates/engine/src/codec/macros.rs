//! How a type says what of it is written: one list serves both ways.

/// Writes and reads a struct field by field; see [`crate::codec`] for what a field can say of itself.
#[doc(hidden)]
#[macro_export]
macro_rules! __coded_fields {
    ($type:ident {
        $($([$old:ident: $old_type:ty, until $last:literal])* $field:ident $(= $how:ident($($about:tt)*))?),*
        $(,)?
        $(; $([$end:ident: $end_type:ty, until $end_last:literal])+)?
    }) => {
        impl $crate::codec::Coded for $type {
            fn put(&self, _out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::__coded_field!(put $field _out $($how($($about)*))?);)*
            }

            fn take(_from: &mut $crate::codec::Reader<'_>) -> Option<Self> {
                $(
                    $($crate::__coded_field!(discard _from $type $old $old_type, $last);)*
                    let $field = $crate::__coded_field!(take _from $($how($($about)*))?);
                )*
                $($($crate::__coded_field!(discard _from $type $end $end_type, $end_last);)+)?
                Some(Self { $($field),* })
            }
        }
    };
}

/// Writes and reads an enum: the number of the variant, then its fields.
#[doc(hidden)]
#[macro_export]
macro_rules! __coded_choices {
    ($type:ident {
        $($tag:literal => $variant:ident
            $(($($item:ident),+))?
            $({ $($field:ident $(= $how:ident($($about:tt)*))?),+ })?
        ),+ $(,)?
    }) => {
        impl $crate::codec::Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($item),+))? $({ $($field),+ })? => {
                        out.push($tag);
                        $($($crate::codec::Coded::put($item, out);)+)?
                        $($($crate::__coded_field!(put $field out $($how($($about)*))?);)+)?
                    })+
                }
            }

            fn take(from: &mut $crate::codec::Reader<'_>) -> Option<Self> {
                Some(match from.byte()? {
                    $($tag => {
                        $($(let $item = $crate::codec::Coded::take(from)?;)+)?
                        $($(let $field = $crate::__coded_field!(take from $($how($($about)*))?);)+)?
                        Self::$variant $(($($item),+))? $({ $($field),+ })?
                    })+
                    _ => return None,
                })
            }
        }
    };
}

/// Writes and reads a type around one value as that value.
#[doc(hidden)]
#[macro_export]
macro_rules! __coded_newtype {
    ($type:ident) => {
        impl $crate::codec::Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $crate::codec::Coded::put(&self.0, out);
            }

            fn take(from: &mut $crate::codec::Reader<'_>) -> Option<Self> {
                $crate::codec::Coded::take(from).map(Self)
            }
        }
    };
}

/// One field, one way.
#[doc(hidden)]
#[macro_export]
macro_rules! __coded_field {
    (put $field:ident $out:ident) => {
        $crate::codec::Coded::put($field, $out)
    };
    (put $field:ident $out:ident since($since:literal, $before:expr)) => {
        $crate::codec::Coded::put($field, $out)
    };
    (put $field:ident $out:ident made($made:expr)) => {
        let _ = $field;
    };
    (take $from:ident) => {
        $crate::codec::Coded::take($from)?
    };
    (take $from:ident since($since:literal, $before:expr)) => {
        if $from.version() >= $since { $crate::codec::Coded::take($from)? } else { $before }
    };
    (take $from:ident made($made:expr)) => {
        $made
    };
    (discard $from:ident $type:ident $old:ident $old_type:ty, $last:literal) => {
        if $from.version() <= $last {
            $from.discard::<$old_type>(concat!(stringify!($type), ".", stringify!($old)))?;
        }
    };
}
